package test

import (
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/strategies"
)

func openPGMoving(t testing.TB, standard tenancy.Strategy) *moving {
	t.Helper()
	d := &directory{}
	s := openPG(t, newPG(t), pgKind{"hybrid", hybrid.New(hybrid.Config{
		Premium: strategies.Schema{}, Standard: standard, IsPremium: d.isPremium,
	})}, pgSetup{conns: 8})
	return &moving{site: s.site, directory: d, ask: s.server.ask}
}
