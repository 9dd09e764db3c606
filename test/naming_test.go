package test

import (
	"context"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// titled is a model of an application that names its columns as its fields.
type titled struct {
	ID       uint
	TenantID string `gorm:"size:191;column:tenant_id"`
	FullName string
}

// TestNamingStrategy lets the application name its tables and columns as it likes: the
// tables of the module itself have their own names.
func TestNamingStrategy(t *testing.T) {
	t.Parallel()
	for name, namer := range map[string]schema.Namer{
		"as the fields": schema.NamingStrategy{NoLowerCase: true},
		"replaced":      schema.NamingStrategy{TablePrefix: "app_", SingularTable: true, NameReplacer: strings.NewReplacer("Name", "Title", "ID", "Key")},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				s := openSite(t, k, setup{gorm: gorm.Config{NamingStrategy: namer}, tenancy: tenancy.Config{Models: []any{&titled{}}}})
				acme := tenancy.Tenant{ID: "acme"}
				s.provision(t, acme.ID)
				must(t, s.as(acme.ID).Create(&titled{FullName: "one"}).Error)
				must(t, s.migrate.Verify(context.Background(), acme))
				_, err := s.migrate.Up(context.Background(), migrate.Tenants(acme, tenancy.Tenant{ID: "globex"}))
				must(t, err)
				must(t, s.migrate.Destroy(context.Background(), acme))
			})
		})
	}
}
