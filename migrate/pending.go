package migrate

import (
	"context"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// bare reports whether a transaction finds no table of the owned models.
func bare(ctx context.Context, in *tenancy.Installation, tx gorm.ConnPool, b tenancy.Binding) (bool, error) {
	schemas, err := in.Ordered()
	if err != nil {
		return false, err
	}
	db, err := in.Plain(ctx, tx)
	if err != nil {
		return false, err
	}
	for _, s := range schemas {
		if db.Migrator().HasTable(b.Names.Table(s.Table)) {
			return false, nil
		}
	}
	return len(schemas) > 0, db.Exec("SELECT 1").Error // GORM takes a failure for a no, and this tells
}

// guarding is a provider whose tables have more than GORM makes of them.
type guarding interface {
	// Lacking lists the statements that give the tables which are there what they lack.
	Lacking(ctx context.Context, tx gorm.ConnPool) ([]string, error)
}

// lacking lists the statements that AutoMigrate would send to the tables that a tenant uses, and
// what the provider's guard would send besides.
func (m *tier) lacking(ctx context.Context, t tenancy.Tenant) (statements []string, err error) {
	err = looking(ctx, m.in, t, func(tx gorm.ConnPool, b tenancy.Binding) error {
		if statements, err = m.in.Pending(ctx, tx, b, m.in.Models()); err != nil {
			return err
		}
		guard, ok := m.provider.(guarding)
		if !ok {
			return nil
		}
		more, err := guard.Lacking(ctx, tx)
		statements = append(statements, more...)
		return err
	})
	return statements, err
}

// looking runs fn in a transaction of the tenant's database that changes nothing.
func looking(ctx context.Context, in *tenancy.Installation, t tenancy.Tenant, fn func(tx gorm.ConnPool, b tenancy.Binding) error) error {
	b, err := in.Bind(t)
	if err != nil {
		return err
	}
	db, release, err := in.Acquire(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return fn(tx, b)
}
