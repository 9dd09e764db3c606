package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// World is a database with the plugin installed and two tenants with rows.
type World struct {
	DB           *gorm.DB // without a tenant
	Acme, Globex *Side
	Subject      Subject

	installation *tenancy.Installation
	kit          kit
	seeded       Dump
}

// Side is one tenant's side of a world.
type Side struct {
	*gorm.DB        // with the tenant's context
	Ctx             context.Context
	Tenant          tenancy.Tenant
	ID              string
	Users           int // how many users there are, with the IDs from 1
	base            int // what the tenant's numbers begin with
	world           *World
	ItemIDs, Labels []uint // counted up by the database
	PartIDs         []uint
}

// NewWorld opens a world with the models of the suite, and rows.
func NewWorld(t testing.TB, s Subject, cfg gorm.Config) *World {
	t.Helper()
	return newWorld(t, s, cfg, kit{models: Models, shared: Shared, tables: tables(), seed: seed})
}

func newWorld(t testing.TB, s Subject, cfg gorm.Config, k kit) *World {
	t.Helper()
	w := Open(t, s, cfg, tenancy.Config{Models: k.models(), Shared: k.shared(), NoPipeline: s.NoPipeline})
	w.kit = k
	must(t, w.DB.Create(&[]Plan{{ID: 1, Name: "free"}, {ID: 2, Name: "paid"}}).Error)
	w.kit.seed(t, w)
	w.seeded = w.Dump(t)
	return w
}

// Open opens a database, installs the plugin with the subject's strategy, and
// provisions the two tenants. There are no rows yet.
func Open(t testing.TB, s Subject, cfg gorm.Config, config tenancy.Config) *World {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = logger.Discard
	}
	db := s.Open(t, &cfg)
	sqlDB, err := db.DB()
	must(t, err)
	t.Cleanup(func() { _ = sqlDB.Close() })
	config.Strategy = s.Strategy(t)
	must(t, db.Use(tenancy.Plugin(config)))
	t.Cleanup(func() {
		if err := tenancy.Close(db); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	in, err := tenancy.Installed(db)
	must(t, err)
	w := &World{DB: db, Subject: s, installation: in}
	m, err := migrate.New(db)
	must(t, err)
	tenants := s.tenants()
	for _, tenant := range tenants {
		must(t, m.Provision(t.Context(), tenant))
		must(t, m.Verify(t.Context(), tenant))
	}
	w.Acme = w.side(tenants[0], 3, 0)
	w.Globex = w.side(tenants[1], 4, 1000)
	return w
}

func (w *World) side(t tenancy.Tenant, users, base int) *Side {
	ctx := tenancy.WithTenant(context.Background(), t)
	return &Side{DB: w.DB.WithContext(ctx), Ctx: ctx, Tenant: t, ID: t.ID, Users: users, base: base, world: w}
}

// Sides returns both tenants.
func (w *World) Sides() []*Side { return []*Side{w.Acme, w.Globex} }

// Other returns the other tenant.
func (s *Side) Other() *Side {
	if s == s.world.Acme {
		return s.world.Globex
	}
	return s.world.Acme
}

// Text makes content that carries the tenant's name.
func (s *Side) Text(kind string, n any) string { return fmt.Sprintf("%s-%s-%v", s.ID, kind, n) }

// RefusesRaw reports whether the tenant's raw SQL is refused.
func (s *Side) RefusesRaw() bool {
	subject := s.world.Subject
	if subject.RawOf != nil {
		return subject.RawOf(s.Tenant) == RawRefused
	}
	return subject.Raw == RawRefused
}

// ownDatabase reports whether the tenant has a database of its own, away from the shared models.
func (s *Side) ownDatabase() bool {
	b, err := s.world.installation.Bind(s.Tenant)
	return err == nil && b.Pool != nil
}

// group names the tables that the tenant uses.
func (s *Side) group() string { return s.world.installation.Provider().Group(s.Tenant) }

// ownStructures reports whether the tenant has tables of its own, which can be missing.
func (s *Side) ownStructures() bool {
	stranger := tenancy.Tenant{ID: "initech", Tier: s.Tenant.Tier}
	return s.group() != s.world.installation.Provider().Group(stranger)
}

// sameTables reports whether both tenants' rows are in the same tables.
func (w *World) sameTables() bool { return w.Acme.group() == w.Globex.group() }

// act runs a case for one tenant, and sees that it left the other alone.
func (w *World) act(t *testing.T, me *Side, run func(*Case)) {
	t.Helper()
	before := w.Dump(t)
	run(&Case{T: t, World: w, me: me, other: me.Other()})
	after := w.Dump(t)
	sameRows(t, "the rows of "+me.Other().ID+", which the case did not act for", before[me.Other().ID], after[me.Other().ID])
	for table, rows := range after[me.ID] {
		for _, row := range rows {
			if text := fmt.Sprint(row.values); strings.Contains(text, me.Other().ID) {
				t.Errorf("as %s: a row of %s in %s has content of %s: %s", me.ID, me.ID, table, me.Other().ID, text)
			}
		}
	}
}

// Act runs fn as a case for each of the two tenants in turn.
func (w *World) Act(t *testing.T, fn func(c *Case)) {
	t.Helper()
	for _, me := range w.Sides() {
		w.act(t, me, fn)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
