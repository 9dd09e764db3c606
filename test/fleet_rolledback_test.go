package test

import (
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

type anchor struct {
	ID   int64
	Name string
}

// link refers to an anchor, which the database does not know until linkLater.
type link struct {
	ID       int64
	AnchorID int64
}

type linkLater struct {
	ID       int64
	AnchorID int64
	Anchor   *anchor
}

func (linkLater) TableName() string { return "links" }

// TestFleetRolledBack: a change that fails at its very end, by the rows that the tenant has,
// is not done, for the report nor for the ledger, although the statements before were.
func TestFleetRolledBack(t *testing.T) {
	t.Parallel()
	for _, k := range ownKinds {
		t.Run(k.name, func(t *testing.T) {
			root := t.TempDir()
			all := numbered(3)
			s := openSite(t, k, setup{root: root, tenancy: tenancy.Config{Models: []any{&anchor{}, &link{}}}})
			s.up(t, all)
			must(t, s.as("ship001").Create(&link{AnchorID: 99}).Error)

			later := openSite(t, k, setup{root: root, tenancy: tenancy.Config{Models: []any{&anchor{}, &linkLater{}}, Require: migrate.Current()}})
			for range 2 { // and not the second time, either
				report, err := later.migrate.Up(t.Context(), migrate.Tenants(all...))
				wantKind(t, err, tenancy.ErrMigration)
				for _, result := range report.Results {
					want := migrate.Done
					if result.Tenant.ID == "ship001" {
						want = migrate.Failed
					}
					if result.State != want {
						t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
					}
				}
				wantKind(t, later.as("ship001").Find(&[]linkLater{}).Error, tenancy.ErrBehind)
			}
			must(t, s.as("ship001").Delete(&link{}, "anchor_id = ?", 99).Error)
			later.up(t, all)
			must(t, later.migrate.Verify(t.Context(), tenancy.Tenant{ID: "ship001"}))
		})
	}
}
