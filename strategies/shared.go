package strategies

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// Shared keeps all tenants in the same tables, told apart by the tenant column alone,
// on any dialect. Every owned table must have the column; join tables that GORM makes
// itself are given it. The zero value is ready.
//
// It is the cheapest strategy and the thinnest wall: what GORM builds is narrowed
// and stamped, and raw SQL is refused with [tenancy.ErrRawSQL], since nothing could
// narrow that. The database itself enforces nothing. Let primary keys and unique
// indexes begin with the tenant column, or a duplicate key tells one tenant that
// another has it.
type Shared struct{}

// Name returns "shared".
func (Shared) Name() string { return "shared" }

// Install implements [tenancy.Strategy].
func (Shared) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	in.RequireColumn()
	return &shared{in: in}, nil
}

type shared struct{ in *tenancy.Installation }

var sharedBinding = tenancy.Binding{Filter: tenancy.FilterOnly}

func (s *shared) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	_, err := baseOf(t)
	return sharedBinding, err
}

func (s *shared) Group(tenancy.Tenant) string { return "shared" }

func (s *shared) Provision(ctx context.Context, t tenancy.Tenant) error {
	if _, err := s.Bind(t); err != nil {
		return err
	}
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	return ddl.Exclusive(ctx, base, s.in.Dialect(), func(tx gorm.ConnPool) error {
		return s.in.Migrate(ctx, tx, sharedBinding, s.in.Models())
	})
}

// Destroy deletes the tenant's rows, those that refer to others first, and counts
// what is left.
func (s *shared) Destroy(ctx context.Context, t tenancy.Tenant) error {
	if _, err := s.Bind(t); err != nil {
		return err
	}
	ordered := s.in.Ordered()
	return s.in.DB().WithContext(tenancy.WithTenant(ctx, t)).Transaction(func(tx *gorm.DB) error {
		for i := len(ordered) - 1; i >= 0; i-- {
			if !tx.Migrator().HasTable(ordered[i]) {
				continue
			}
			all := tx.Session(&gorm.Session{AllowGlobalUpdate: true, SkipHooks: true}).Unscoped()
			if err := all.Delete(ordered[i]).Error; err != nil {
				return err
			}
			var left int64
			if err := tx.Unscoped().Model(ordered[i]).Count(&left).Error; err != nil {
				return err
			}
			if left > 0 {
				return &tenancy.Error{Kind: tenancy.ErrDrifted, Tenant: t.ID, Detail: fmt.Sprintf("%d rows of %T are still there after deleting all", left, ordered[i])}
			}
		}
		return nil
	})
}

// Verify asks whether the tables are what the models say, whether each row belongs to
// somebody, and whether any row refers to a row of another tenant.
func (s *shared) Verify(ctx context.Context, t tenancy.Tenant) error {
	if _, err := s.Bind(t); err != nil {
		return err
	}
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	differences, err := pending(ctx, s.in, base, sharedBinding)
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		if strings.Contains(differences[0], "CREATE TABLE") {
			return missing(t, nil)
		}
		return drifted(t, differences)
	}
	db, err := s.in.Plain(ctx, base)
	if err != nil {
		return err
	}
	orphans, err := s.orphans(db)
	if err != nil {
		return err
	}
	crossing, err := s.crossing(db, t)
	if err != nil {
		return err
	}
	return drifted(t, append(orphans, crossing...))
}

// orphans finds rows that belong to nobody.
func (s *shared) orphans(db *gorm.DB) ([]string, error) {
	var found []string
	for _, model := range s.in.Ordered() {
		stmt := &gorm.Statement{DB: db}
		if err := stmt.Parse(model); err != nil {
			return nil, err
		}
		column := clause.Column{Table: clause.CurrentTable, Name: s.in.Column()}
		var rows int64
		if err := db.Table(stmt.Table).Where(clause.Or(clause.Eq{Column: column}, clause.Eq{Column: column, Value: zeroOf(stmt, s.in.Column())})).Count(&rows).Error; err != nil {
			return nil, err
		}
		if rows > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s name no tenant", rows, stmt.Table))
		}
	}
	return found, nil
}

// zeroOf is the value of a tenant column that was never set.
func zeroOf(stmt *gorm.Statement, column string) any {
	if field := stmt.Schema.LookUpField(column); field != nil && field.DataType != "string" {
		return 0
	}
	return ""
}

// crossing finds rows of the tenant that refer to rows of others.
func (s *shared) crossing(db *gorm.DB, t tenancy.Tenant) ([]string, error) {
	var found []string
	for _, ref := range s.in.References() {
		on := make([]clause.Expression, 0, len(ref.Columns))
		for _, columns := range ref.Columns {
			on = append(on, clause.Eq{
				Column: clause.Column{Table: "child", Name: columns[0]},
				Value:  clause.Column{Table: "parent", Name: columns[1]},
			})
		}
		var rows int64
		err := db.Clauses(clause.From{
			Tables: []clause.Table{{Name: ref.Table, Alias: "child"}},
			Joins:  []clause.Join{{Type: clause.InnerJoin, Table: clause.Table{Name: ref.Parent, Alias: "parent"}, ON: clause.Where{Exprs: on}}},
		}).Table(ref.Table).
			Where(clause.Eq{Column: clause.Column{Table: "child", Name: s.in.Column()}, Value: t.ID}).
			Where(clause.Neq{Column: clause.Column{Table: "parent", Name: s.in.Column()}, Value: t.ID}).
			Count(&rows).Error
		if err != nil {
			return nil, err
		}
		if rows > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s refer to rows of another tenant in %s", rows, ref.Table, ref.Parent))
		}
	}
	return found, nil
}

func (s *shared) Close() error { return nil }
