package test

import (
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// mast is a model for tenants of every tier, and mastLater is what it becomes.
type mast struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:100;index"`
}
type mastLater struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:100;index"`
	Sails    int
}

func (mastLater) TableName() string { return "masts" }

// TestRequireRolling: while a new program takes the place of an old one, both are let
// through to tenants that the new one has migrated or made, the old one even when it starts
// afterwards; and the new one is not let through to tenants that are still behind.
func TestRequireRolling(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	opens := map[string]func(t *testing.T, root string, models []any) *site{
		"postgres schema": func(t *testing.T, _ string, models []any) *site {
			return openPG(t, server, pgSchema, pgSetup{models: models, require: migrate.Current()}).site
		},
		"postgres rls": func(t *testing.T, _ string, models []any) *site {
			return openPG(t, server, pgRLS, pgSetup{models: models, require: migrate.Current()}).site
		},
	}
	for _, k := range kinds {
		opens[k.name] = func(t *testing.T, root string, models []any) *site {
			return openSite(t, k, setup{root: root, tenancy: tenancy.Config{Models: models, Require: migrate.Current()}})
		}
	}
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			before, now := []any{&mast{}}, []any{&mastLater{}}
			reads := func(s *site, model any, id string, want error) {
				t.Helper()
				if err := s.as(id).Find(model).Error; want == nil && err != nil {
					t.Errorf("%s: %v", id, err)
				} else if want != nil {
					wantKind(t, err, want)
				}
			}
			running := open(t, root, before)
			running.up(t, tenantsOf("acme", "globex"))
			reads(running, &[]mast{}, "acme", nil)
			own := name != "shared" && name != "postgres rls"

			fresh := open(t, root, now)
			fresh.up(t, tenantsOf("acme"))
			must(t, fresh.migrate.Provision(t.Context(), tenancy.Tenant{ID: "initech"}))
			reads(fresh, &[]mastLater{}, "acme", nil)
			if own {
				reads(fresh, &[]mastLater{}, "globex", tenancy.ErrBehind)
			}
			started := open(t, root, before) // afterwards, of the old models
			for i, s := range []*site{running, started} {
				reads(s, &[]mast{}, "acme", nil)
				reads(s, &[]mast{}, "globex", nil)
				reads(s, &[]mast{}, "initech", nil)
				must(t, s.as("initech").Create(&mast{ID: int64(i + 1), Name: name}).Error)
			}
			if !own {
				return
			}

			started.up(t, tenantsOf("acme")) // the old one goes back to its models
			reads(open(t, root, now), &[]mastLater{}, "acme", tenancy.ErrBehind)
			reads(open(t, root, before), &[]mast{}, "acme", nil)
		})
	}
}
