package test

import (
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/strategies"
)

func openPGMoving(t testing.TB, models []any, standard tenancy.Strategy) *moving {
	t.Helper()
	server := newPG(t)
	return newMoving(func(d *directory) *site {
		return openPG(t, server, pgKind{"hybrid", hybrid.New(hybrid.Config{
			Premium: strategies.Schema{}, Standard: standard, IsPremium: d.isPremium,
		})}, pgSetup{models: models, conns: 8, driver: faultyPgx}).site
	}, faultyPgx)
}
