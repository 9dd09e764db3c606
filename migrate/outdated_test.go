package migrate_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

type pier struct {
	ID   uint
	Name string
}

type pierLonger struct {
	pier

	Length int
}

func (pierLonger) TableName() string { return "piers" }

// pierAgain is another model of the same table.
type pierAgain struct {
	ID   uint
	Name string
}

func (pierAgain) TableName() string { return "piers" }

type pierAgainDeeper struct {
	pierAgain

	Depth int
}

func (pierAgainDeeper) TableName() string { return "piers" }

type crane struct {
	ID     uint
	PierID uint
	Pier   *craneBase
}

// craneBase is made by the relation of a crane alone.
type craneBase struct{ ID uint }

func (craneBase) TableName() string { return "piers" }

type buoy struct {
	ID    uint
	Lamps []lamp `gorm:"many2many:buoy_lamps"`
}

type buoyJoined struct {
	ID    uint
	Lamps []lamp `gorm:"many2many:buoy_lamps;joinForeignKey:Buoy;joinReferences:Lamp"`
}

func (buoyJoined) TableName() string { return "buoys" }

type lamp struct{ ID uint }

// withModels is another migrator of f's tenants, for models.
func (f *fleets) withModels(t *testing.T, path string, models ...any) *migrate.Migrator {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(path), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() {
		base, err := db.DB()
		must(t, err)
		must(t, base.Close())
	})
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: f, Models: models})))
	m, err := migrate.New(db, migrate.Workers(1))
	must(t, err)
	return m
}

// TestOutdated: a tenant that is as it was left is asked about the models that have changed
// since, and about all where that is not known.
func TestOutdated(t *testing.T) {
	var (
		pier, longer, again, deeper = &pier{}, &pierLonger{}, &pierAgain{}, &pierAgainDeeper{}
		crane, buoy, joined, lamp   = &crane{}, &buoy{}, &buoyJoined{}, &lamp{}
	)
	type models = []any
	for name, c := range map[string]struct {
		first  models   // another tenant was brought to these before
		left   models   // the tenant as it was left
		others []models // another tenant was brought to these since
		now    models
		byHand bool
		want   models // nil: all
	}{
		"one":                   {left: models{pier, buoy, lamp}, now: models{longer, buoy, lamp}, want: models{longer}},
		"a new one":             {left: models{pier, lamp}, now: models{pier, buoy, lamp}, want: models{buoy}},
		"one is gone":           {left: models{pier, lamp}, now: models{pier}, want: models{}},
		"a join table":          {left: models{pier, buoy, lamp}, now: models{pier, joined, lamp}, want: models{joined}},
		"in two steps":          {left: models{pier, lamp}, others: []models{{longer, lamp}}, now: models{longer, lamp, buoy}, want: models{longer, buoy}},
		"there and back":        {left: models{pier, lamp}, others: []models{{longer, lamp}}, now: models{pier, lamp, buoy}, want: models{pier, buoy}},
		"gone and back":         {left: models{lamp}, others: []models{{pier, lamp}, {longer, lamp}}, now: models{pier, lamp}, want: models{pier}},
		"of two for a table":    {left: models{pier, again, lamp}, now: models{pier, deeper, lamp}, want: models{pier, deeper}},
		"by a relation alone":   {left: models{lamp}, now: models{crane, lamp}, want: nil},
		"changed by hand":       {left: models{pier, lamp}, now: models{longer, lamp}, byHand: true, want: nil},
		"back to an older one":  {left: models{longer, lamp}, others: []models{{pier, lamp}}, now: models{pier, lamp}, want: models{pier}},
		"a program of before":   {first: models{pier, lamp}, left: models{longer, lamp}, now: models{pier, lamp}, want: models{pier}},
		"gone, and there again": {left: models{buoy, lamp}, others: []models{{lamp}}, now: models{buoy, lamp, pier}, want: models{buoy, pier}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &fleet{name: "a", statement: "of a", found: map[string]tenancy.Structure{}}
			f, path := &fleets{all: []*fleet{a}}, filepath.Join(t.TempDir(), "base.db")
			if c.first != nil {
				a.want = "before"
				_, err := f.withModels(t, path, c.first...).Up(t.Context(), migrate.Tenants(tenants("a2")...))
				must(t, err)
			}
			a.want = "as left"
			_, err := f.withModels(t, path, c.left...).Up(t.Context(), migrate.Tenants(tenants("a1", "a2")...))
			must(t, err)
			for i, models := range c.others {
				a.want = fmt.Sprint("meanwhile ", i)
				_, err := f.withModels(t, path, models...).Up(t.Context(), migrate.Tenants(tenants("a2")...))
				must(t, err)
			}
			if c.byHand {
				a.found["a1"] = tenancy.Structure{Owner: "a1", Fingerprint: "by hand"}
			}
			a.want, a.recorded, a.asked = "now", nil, nil
			_, err = f.withModels(t, path, c.now...).Up(t.Context(), migrate.Tenants(tenants("a1")...))
			must(t, err)
			if !slices.Equal(a.recorded, []string{"a1"}) || !slices.Equal(a.asked, c.want) || (a.asked == nil) != (c.want == nil) {
				t.Errorf("%q was asked about %T, want %T", a.recorded, a.asked, c.want)
			}
		})
	}
}
