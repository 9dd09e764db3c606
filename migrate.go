package tenancy

import (
	"context"
	"reflect"
	"slices"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/routing"
)

// Migrate brings the tables of values to the models on tx, under the names and settings
// of b. tx is a transaction, or a connection that nobody else uses: see the strategies.
func (in *Installation) Migrate(ctx context.Context, tx gorm.ConnPool, b Binding, values []any) error {
	if err := routing.Settle(ctx, tx, b.Settings); err != nil {
		return err
	}
	p, err := in.newPhysical(ctx, tx, in.withShared(b), in.db)
	if err != nil {
		return err
	}
	return p.autoMigrate(values)
}

func (p *physical) autoMigrate(values []any) error {
	if err := p.prepare(values...); err != nil {
		return err
	}
	if p.binding.Filter == FilterRequired {
		if err := p.keepDefaults(); err != nil {
			return err
		}
	}
	if err := p.db.Migrator().AutoMigrate(values...); err != nil {
		return err
	}
	if len(p.joins) == 0 {
		return nil
	}
	return p.db.Migrator().AutoMigrate(p.joins...)
}

// MigrateShared brings the tables of the shared models to the models.
func (in *Installation) MigrateShared(ctx context.Context) error {
	return in.migrateShared(ctx, in.config.Shared, in.db)
}

func (in *Installation) migrateShared(ctx context.Context, values []any, like *gorm.DB) error {
	if len(values) == 0 {
		return nil
	}
	base, err := in.Base()
	if err != nil {
		return err
	}
	return ddl.Exclusive(ctx, base, in.Dialect(), "shared models", func(tx gorm.ConnPool) error {
		if err := routing.Settle(ctx, tx, in.shared.Settings); err != nil {
			return err
		}
		b := Binding{}
		if in.qualifies() {
			b.Names.Shared = in.shared.Names.Shared
		}
		p, err := in.newPhysical(ctx, tx, b, like)
		if err != nil {
			return err
		}
		return p.autoMigrate(values)
	})
}

// Pending lists the statements that Migrate would send: none, when the database is
// what the models say.
func (in *Installation) Pending(ctx context.Context, pool gorm.ConnPool, b Binding, values []any) ([]string, error) {
	if err := routing.Settle(ctx, pool, b.Settings); err != nil {
		return nil, err
	}
	record := &ddl.Recorder{ConnPool: pool}
	p, err := in.newPhysical(ctx, record, in.withShared(b), in.db)
	if err != nil {
		return nil, err
	}
	if err := p.autoMigrate(values); err != nil {
		return nil, err
	}
	return slices.Compact(record.Statements), nil
}

// keepDefaults makes the models agree with the defaults that a strategy gave to tenant
// columns: GORM would remove a default that the model does not have.
func (p *physical) keepDefaults() error {
	for s := range p.done {
		field := s.LookUpField(p.in.column)
		value := reflect.New(s.ModelType).Interface()
		if field == nil || !p.db.Migrator().HasTable(value) {
			continue
		}
		columns, err := p.db.Migrator().ColumnTypes(value)
		if err != nil {
			return err
		}
		for _, column := range columns {
			if current, ok := column.DefaultValue(); ok && column.Name() == field.DBName && !field.HasDefaultValue {
				field.HasDefaultValue, field.DefaultValue = true, current
			}
		}
	}
	return nil
}
