package strategies

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// registration records whose a physical name is: beside the structures, in the
// same database, so that the database itself can be asked.
type registration struct {
	Name      string `gorm:"primaryKey;size:191"`
	TenantID  string `gorm:"size:255;not null;uniqueIndex"`
	CreatedAt time.Time
}

// TableName is reserved by the module: no tenant's name begins so.
func (registration) TableName() string { return "tenancy_tenants" }

// claim records that name belongs to the tenant id. It fails when it is another's,
// or when the tenant has another name already.
func claim(ctx context.Context, in *tenancy.Installation, tx gorm.ConnPool, name, id string) error {
	if err := createRegistry(ctx, in, tx); err != nil {
		return err
	}
	held, err := claimed(ctx, in, tx, name, id)
	if err != nil || held {
		return err
	}
	db, err := in.Plain(ctx, tx)
	if err != nil {
		return err
	}
	var other []registration
	if err := db.Where("tenant_id = ?", id).Find(&other).Error; err != nil {
		return err
	}
	if len(other) > 0 {
		return renamed(id, other[0].Name, name)
	}
	return db.Create(&registration{Name: name, TenantID: id}).Error
}

func createRegistry(ctx context.Context, in *tenancy.Installation, tx gorm.ConnPool) error {
	db, err := in.Plain(ctx, tx)
	if err != nil || db.Migrator().HasTable(&registration{}) {
		return err
	}
	if in.Dialect() == "postgres" { // two tenants that are provisioned under locks of their own
		if err := ddl.Lock(ctx, tx, "registry"); err != nil || db.Migrator().HasTable(&registration{}) {
			return err
		}
	}
	return db.Migrator().CreateTable(&registration{})
}

// claimed reports whether name is registered for the tenant id, and fails when it is another's.
func claimed(ctx context.Context, in *tenancy.Installation, pool gorm.ConnPool, name, id string) (bool, error) {
	db, err := in.Plain(ctx, pool)
	if err != nil || !db.Migrator().HasTable(&registration{}) {
		return false, err
	}
	var found []registration
	if err := db.Where("name = ?", name).Find(&found).Error; err != nil || len(found) == 0 {
		return false, err
	}
	if found[0].TenantID != id {
		return false, belongs(id, found[0].TenantID, name)
	}
	return true, nil
}

// renamed makes the error for a tenant that has another name already.
func renamed(id, old, name string) error {
	return &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: id, Detail: fmt.Sprintf("the tenant is provisioned as %q and would now be %q; keep the slug and the schema that it was provisioned with", old, name)}
}

// belongs makes the error for a name that is another tenant's.
func belongs(id, holder, name string) error {
	return &tenancy.Error{Kind: tenancy.ErrTenantMismatch, Tenant: id, Detail: fmt.Sprintf("%q belongs to the tenant %q; give each tenant a name of its own", name, holder)}
}

func disclaim(ctx context.Context, in *tenancy.Installation, tx gorm.ConnPool, name string) error {
	db, err := in.Plain(ctx, tx)
	if err != nil {
		return err
	}
	return db.Where("name = ?", name).Delete(&registration{}).Error
}

// pending lists what the tenant's tables lack against the models.
func pending(ctx context.Context, in *tenancy.Installation, pool gorm.ConnPool, b tenancy.Binding) ([]string, error) {
	statements, err := in.Pending(ctx, pool, b, in.Models())
	for i, statement := range statements {
		statements[i] = "the models ask for: " + strings.TrimSpace(statement)
	}
	return statements, err
}

// missing makes the error for a tenant that is not there, unless err says more.
func missing(t tenancy.Tenant, err error) error {
	if err != nil {
		return err
	}
	return &tenancy.Error{Kind: tenancy.ErrNotProvisioned, Tenant: t.ID, Detail: "the database knows nothing of the tenant; run migrate.Provision"}
}

// drifted makes the error for what differs: nil for nothing.
func drifted(t tenancy.Tenant, differences []string) error {
	if len(differences) == 0 {
		return nil
	}
	return &tenancy.Error{Kind: tenancy.ErrDrifted, Tenant: t.ID, Detail: strings.Join(differences, "; ")}
}

// absentOrDrifted makes the error for tables that tenants have in common: nobody is
// provisioned where none of them is there.
func absentOrDrifted(in *tenancy.Installation, t tenancy.Tenant, differences []string) error {
	ordered, err := in.Ordered()
	if err != nil || len(differences) == 0 {
		return err
	}
	for _, owned := range ordered {
		if !slices.ContainsFunc(differences, func(d string) bool {
			return strings.Contains(d, "CREATE TABLE") && strings.Contains(d, quoteLike(in, owned.Table))
		}) {
			return drifted(t, differences)
		}
	}
	return missing(t, nil)
}

// quoteLike quotes a name as the dialect does.
func quoteLike(in *tenancy.Installation, name string) string {
	var quoted strings.Builder
	in.Dialector().QuoteTo(&quoted, name)
	return quoted.String()
}
