package test

import (
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestPGMoveOtherSchema: a table in another schema of the tenant's database would be lost with it.
func TestPGMoveOtherSchema(t *testing.T) {
	t.Parallel()
	s := openHostMoving(t, newPostgresHost(t), nil, strategies.RLS{})
	s.provision(t, "acme", "globex")
	s.fill(t, "globex", 2)
	s.fill(t, "acme", 3)
	s.move(t, hybrid.TierPremium)
	s.directly(t, "CREATE SCHEMA reports")
	s.directly(t, "CREATE TABLE reports.colors (id integer)")
	_, err := hybrid.Move(t.Context(), s.db, acme, hybrid.TierStandard, hybrid.Flip(s.flip))
	wantKind(t, err, tenancy.ErrDrifted)
	if err != nil && !strings.Contains(err.Error(), "reports.colors") {
		t.Errorf("the error does not say what: %v", err)
	}
	s.whole(t, 3)
	s.directly(t, "DROP SCHEMA reports CASCADE")
	s.move(t, hybrid.TierStandard)
	s.whole(t, 3)
}

func openPGMoving(t testing.TB, models []any, standard tenancy.Strategy) *moving {
	t.Helper()
	server := newPG(t)
	return newMoving(func(d *directory) *site {
		return openPG(t, server, pgKind{"hybrid", hybrid.New(hybrid.Config{
			Premium: strategies.Schema{}, Standard: standard, IsPremium: d.isPremium,
		})}, pgSetup{models: models, conns: 8, driver: faultyPgx}).site
	}, faultyPgx)
}
