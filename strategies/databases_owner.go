package strategies

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// stage is how far a tenant's database has come. It is written in the database itself.
type stage uint8

const (
	// blank: nobody is registered in it.
	blank stage = iota
	// draft: it is being made for the tenant, or was when something went wrong.
	draft
	// whole: it has been made for the tenant.
	whole
)

// drafted begins the name in the registry while a database is being made. It is none
// that a database can have.
const drafted = "draft of "

// stage asks a database how far it has come for the tenant of at. It fails where
// somebody else is registered in it.
func (d *databases) stage(ctx context.Context, pool gorm.ConnPool, at place) (stage, error) {
	there, err := d.registered(ctx, pool)
	if err != nil || !there {
		return blank, err
	}
	db, err := d.in.Plain(ctx, pool)
	if err != nil {
		return blank, err
	}
	var found []registration
	if err := db.Order("tenant_id").Find(&found).Error; err != nil {
		return blank, err
	}
	if len(found) == 0 {
		return blank, nil
	}
	for _, one := range found {
		if one.TenantID != at.id {
			return blank, belongs(at.id, one.TenantID, at.name)
		}
	}
	if strings.HasPrefix(found[0].Name, drafted) { // not by the whole name: some servers ignore its case
		return draft, nil
	}
	return whole, nil
}

// registered reports whether there may be anybody in the registry of a database.
func (d *databases) registered(ctx context.Context, pool gorm.ConnPool) (bool, error) {
	table := registration{}.TableName()
	if d.in.Dialect() == "postgres" {
		return scalar[bool](ctx, pool, "SELECT to_regclass($1) IS NOT NULL", table)
	}
	// Not by the catalog: there, names that differ in case alone may be equal.
	rows, err := list(ctx, pool, "SELECT name FROM "+quoteMySQL(table)+" LIMIT 1")
	if ddl.MySQLError(err, 1146) {
		return false, nil
	}
	return len(rows) > 0, err
}

// migrating is the work of fill that AutoMigrate does.
func (d *databases) migrating(ctx context.Context, tx gorm.ConnPool, at place) func() error {
	return func() error { return d.in.Migrate(ctx, tx, d.binding(at), d.in.Models()) }
}

// fill lets work make a tenant's tables on a connection that nobody else uses, and
// registers the tenant: as a draft first, where structures do not change in transactions.
func (d *databases) fill(ctx context.Context, tx gorm.ConnPool, at place, work func() error) error {
	found, err := d.stage(ctx, tx, at)
	if err != nil {
		return err
	}
	if found == blank {
		if err := d.draft(ctx, tx, at); err != nil {
			return err
		}
	}
	if err := work(); err != nil {
		return err
	}
	if found == whole {
		return nil
	}
	db, err := d.in.Plain(ctx, tx)
	if err != nil {
		return err
	}
	return db.Model(&registration{}).Where("tenant_id = ?", at.id).Update("name", at.name).Error
}

func (d *databases) draft(ctx context.Context, tx gorm.ConnPool, at place) error {
	db, err := d.in.Plain(ctx, tx)
	if err != nil {
		return err
	}
	if !db.Migrator().HasTable(&registration{}) {
		if err := db.Migrator().CreateTable(&registration{}); err != nil {
			return err
		}
	}
	return db.Create(&registration{Name: drafted + at.name, TenantID: at.id}).Error
}

// unregistered makes the error for a database that is nobody's and is not empty.
func unregistered(at place) error {
	return &tenancy.Error{Kind: tenancy.ErrTenantMismatch, Tenant: at.id, Detail: fmt.Sprintf("the database %s has tables, and is not registered for the tenant; if it is its own, provision the tenant with the database's name in Schema", at.group)}
}
