package test

import (
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
)

// TestFleetOnly: of a tenant that has structures, AutoMigrate is asked about the models that
// a change names, and of another about all.
func TestFleetOnly(t *testing.T) {
	t.Parallel()
	both := []any{&hullLater{}, &rivetLater{}}
	for _, k := range ownKinds {
		t.Run(k.name, func(t *testing.T) {
			root := t.TempDir()
			open := func(models []any) *site {
				return openSite(t, k, setup{root: root, tenancy: tenancy.Config{Models: models}})
			}
			open(fleetModels()).up(t, numbered(1))
			open(both).asksOnly(t)
		})
	}
	t.Run("postgres", func(t *testing.T) {
		server := newPG(t)
		open := func(models []any) *site { return openPG(t, server, pgSchema, pgSetup{models: models}).site }
		open(fleetModels()).up(t, numbered(1))
		open(both).asksOnly(t)
	})
	eachHost(t, func(t *testing.T, h host) {
		h.site(t, fleetModels()).up(t, numbered(1))
		h.site(t, both).asksOnly(t)
	})
}

type rivetLater struct {
	ID     uint
	HullID uint `gorm:"index"`
	Label  string
	Size   int `gorm:"check:size_positive,size > 0"`
	Rusty  bool
}

func (rivetLater) TableName() string { return "rivets" }

// asksOnly changes a tenant that is there and one that is not, for one of two models that
// differ from what the first has.
func (s *site) asksOnly(t *testing.T) {
	t.Helper()
	in, err := tenancy.Installed(s.db)
	must(t, err)
	fleet := in.Provider().(tenancy.Fleet)
	for _, c := range []struct {
		id       string
		dry, all bool
	}{{"ship000", true, false}, {"ship000", false, false}, {"fresh", true, true}, {"fresh", false, true}} {
		script, err := fleet.Apply(t.Context(), tenancy.Tenant{ID: c.id}, tenancy.Change{Dry: c.dry, Only: []any{&hullLater{}}})
		must(t, err)
		text := strings.Join(script.Statements, "\n")
		if !strings.Contains(text, "color") || strings.Contains(text, "rusty") != c.all {
			t.Errorf("%+v: it was asked about hulls alone, and sent\n%s", c, text)
		}
	}
	must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "fresh"}))
	_, err = fleet.Apply(t.Context(), tenancy.Tenant{ID: "ship000"}, tenancy.Change{})
	must(t, err)
	must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "ship000"}))
}
