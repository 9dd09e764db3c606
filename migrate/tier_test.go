package migrate_test

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// fleet is a tier that brings its tenants to a fingerprint of its own.
type fleet struct {
	fake

	name, want string
	statement  string // of a change
	base       gorm.ConnPool
	surveyed   func()
	applied    func(id string) // before a change
	blind      error           // of a survey
	elsewhere  bool            // the tables that the statement names are no tenant's

	mu       sync.Mutex
	found    map[string]tenancy.Structure
	replays  map[string]string // what else than want a tenant comes to by a script, by ID
	recorded []string          // tenants for whom no script was given
	asked    []any             // the models that the last of them was asked about
	replayed []string          // statements
	surveys  [][]string        // the tenants of each
}

func (f *fleet) Survey(_ context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Structure, error) {
	if f.surveyed != nil {
		f.surveyed()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[string]tenancy.Structure{}
	var ids []string
	for _, t := range tenants {
		ids = append(ids, t.ID)
		found[t.ID] = f.found[t.ID]
	}
	slices.Sort(ids)
	f.surveys = append(f.surveys, ids)
	return found, f.blind
}

func (f *fleet) SurveyTables(_ context.Context, tenants []tenancy.Tenant, tables []string) (map[string]tenancy.Structure, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[string]tenancy.Structure{}
	for _, t := range tenants {
		structure := f.found[t.ID]
		structure.Fingerprint += " of " + strings.Join(tables, ",")
		if f.elsewhere {
			structure.Fingerprint = ""
		}
		found[t.ID] = structure
	}
	return found, nil
}

func (*fleet) Objects(context.Context, []tenancy.Tenant) (map[string]tenancy.Objects, error) {
	return map[string]tenancy.Objects{}, nil
}

func (f *fleet) Apply(ctx context.Context, t tenancy.Tenant, c tenancy.Change) (tenancy.Script, error) {
	if c.Dry {
		return tenancy.Script{}, nil
	}
	if c.Begun != nil {
		if done, err := c.Begun(ctx, f.base); done || err != nil {
			return tenancy.Script{}, err
		}
	}
	if f.applied != nil {
		f.applied(t.ID)
	}
	f.mu.Lock()
	script := tenancy.Script{Statements: []string{f.statement}, New: f.found[t.ID].Owner == ""}
	want := f.want
	if c.Script == nil && f.found[t.ID].Fingerprint == f.want {
		script.Statements = nil
	}
	if c.Script == nil {
		f.recorded, f.asked = append(f.recorded, t.ID), c.Only
	} else {
		f.replayed = append(f.replayed, c.Script.Statements...)
		want = cmp.Or(f.replays[t.ID], want)
	}
	f.found[t.ID] = tenancy.Structure{Owner: t.ID, Fingerprint: want}
	f.mu.Unlock()
	if c.Ended == nil {
		return script, nil
	}
	return script, c.Ended(ctx, f.base)
}

// fleets is a strategy of fleets, by the first letter of a tenant's ID.
type fleets struct {
	fake

	all  []*fleet
	tier func(id string) string // nil: the first letter
	db   *gorm.DB
}

func (f *fleets) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	base, err := in.Base()
	for _, one := range f.all {
		one.base = base
	}
	return f, err
}

func (f *fleets) Tiers() []tenancy.Tier {
	var tiers []tenancy.Tier
	for _, one := range f.all {
		tiers = append(tiers, tenancy.Tier{Name: one.name, Provider: one})
	}
	return tiers
}

func (f *fleets) TierOf(t tenancy.Tenant) (tenancy.Tier, error) {
	name := t.ID[:1]
	if f.tier != nil {
		name = f.tier(t.ID)
	}
	for _, tier := range f.Tiers() {
		if tier.Name == name {
			return tier, nil
		}
	}
	return tenancy.Tier{}, tenancy.ErrInvalidTenant
}

func (f *fleets) Group(t tenancy.Tenant) string {
	tier, err := f.TierOf(t)
	if err != nil {
		return t.ID
	}
	return tier.Name + "/" + tier.Provider.Group(t)
}

func newFleets(t *testing.T) (*fleets, *migrate.Migrator) {
	t.Helper()
	f := &fleets{}
	for name, want := range map[string]string{"a": "one", "b": "two"} {
		f.all = append(f.all, &fleet{name: name, want: want, statement: "of " + name, found: map[string]tenancy.Structure{}})
	}
	slices.SortFunc(f.all, func(x, y *fleet) int { return strings.Compare(x.name, y.name) })
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "base.db")), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() {
		base, err := db.DB()
		must(t, err)
		must(t, base.Close())
	})
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: f})))
	f.db = db
	m, err := migrate.New(db, migrate.Workers(1))
	must(t, err)
	return f, m
}

// TestTiersApart: nothing that is known of one tier's tenants is taken for another's.
func TestTiersApart(t *testing.T) {
	f, m := newFleets(t)
	a, b := f.all[0], f.all[1]
	all := tenants("a1", "b1", "a2", "b2")
	_, err := m.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	if !slices.Equal(a.recorded, []string{"a1"}) || !slices.Equal(a.replayed, []string{"of a"}) ||
		!slices.Equal(b.recorded, []string{"b1"}) || !slices.Equal(b.replayed, []string{"of b"}) {
		t.Errorf("recorded for %q and %q, replayed %q and %q", a.recorded, b.recorded, a.replayed, b.replayed)
	}

	b.found["b3"] = tenancy.Structure{Owner: "b3", Fingerprint: a.want} // which is current in the other tier
	report, err := m.Status(t.Context(), migrate.Tenants(append(all, tenants("a3", "b4", "c1")...)...))
	if !errors.Is(err, tenancy.ErrInvalidTenant) || report.Count(migrate.UpToDate) != 4 || report.Count(migrate.Missing) != 2 || report.Count(migrate.Failed) != 1 {
		t.Errorf("%+v, %v", report.Results, err)
	}
	must(t, m.Provision(t.Context(), tenants("b5")[0]))
	must(t, m.Provision(t.Context(), tenants("a5")[0]))
	_, err = m.Up(t.Context(), migrate.Tenants(tenants("b3", "a1")...))
	must(t, err)
	if !slices.Equal(a.recorded, []string{"a1"}) || !slices.Equal(a.replayed, []string{"of a", "of a"}) ||
		!slices.Equal(b.recorded, []string{"b1", "b3"}) || !slices.Equal(b.replayed, []string{"of b", "of b"}) {
		t.Errorf("recorded for %q and %q, replayed %q and %q", a.recorded, b.recorded, a.replayed, b.replayed)
	}
}

// TestTierChanges: a tenant that comes to another tier during a run fails, and the next run
// finds it there.
func TestTierChanges(t *testing.T) {
	f, m := newFleets(t)
	f.tier = func(string) string { return "a" }
	f.all[0].surveyed = func() { f.tier = func(string) string { return "b" } }
	report, err := m.Up(t.Context(), migrate.Tenants(tenants("x")...))
	if !errors.Is(err, tenancy.ErrMoving) || report.Count(migrate.Failed) != 1 {
		t.Errorf("%+v, %v", report.Results, err)
	}
	_, err = m.Up(t.Context(), migrate.Tenants(tenants("x")...))
	must(t, err)
	if len(f.all[0].recorded) != 0 || !slices.Equal(f.all[1].recorded, []string{"x"}) {
		t.Errorf("recorded %q and %q", f.all[0].recorded, f.all[1].recorded)
	}
}

// TestFirstWasChanged: where another run, of which the ledger does not tell yet, has migrated the
// first tenant of a structure, the others are not taken to be as they should be.
func TestFirstWasChanged(t *testing.T) {
	f, m := newFleets(t)
	a := f.all[0]
	for _, id := range []string{"a1", "a2", "a3"} {
		a.found[id] = tenancy.Structure{Owner: id, Fingerprint: "old"}
	}
	a.applied = func(id string) {
		if id == "a1" {
			a.found[id] = tenancy.Structure{Owner: id, Fingerprint: a.want}
		}
	}
	report, err := m.Up(t.Context(), migrate.Tenants(tenants("a1", "a2", "a3")...))
	must(t, err)
	for _, result := range report.Results {
		id := result.Tenant.ID
		if a.found[id].Fingerprint != a.want {
			t.Errorf("%s was not migrated: %+v", id, result)
		}
		if result.Changed != (id != "a1") {
			t.Errorf("%s: changed is %v", id, result.Changed)
		}
	}
	if !slices.Equal(a.recorded, []string{"a1", "a2"}) || !slices.Equal(a.replayed, []string{"of a"}) {
		t.Errorf("recorded for %q, replayed %q", a.recorded, a.replayed)
	}
}

// TestLedgerDuringRun: of a tenant with a database of its own that was changed, the ledger tells
// the models before the run has ended, by which programs of other models go, and not the
// structure, which was not looked at again yet.
func TestLedgerDuringRun(t *testing.T) {
	f, m := newFleets(t)
	a := f.all[0]
	for _, id := range []string{"a1", "a2"} {
		a.found[id] = tenancy.Structure{Owner: id, Fingerprint: "old"}
	}
	type told struct {
		id                   string
		versioned, recognise bool
	}
	var meanwhile []told
	a.surveyed = func() {
		meanwhile = nil
		rows, err := a.base.QueryContext(t.Context(), "SELECT tenant_id, version <> '', fingerprint <> '' FROM tenancy_ledger WHERE tenant_id <> '' ORDER BY tenant_id")
		must(t, err)
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var one told
			must(t, rows.Scan(&one.id, &one.versioned, &one.recognise))
			meanwhile = append(meanwhile, one)
		}
		must(t, rows.Err())
	}
	_, err := m.Up(t.Context(), migrate.Tenants(tenants("a1", "a2")...))
	must(t, err)
	if want := []told{{"a1", true, false}, {"a2", true, false}}; !slices.Equal(meanwhile, want) {
		t.Errorf("at the last look, the ledger told %v", meanwhile)
	}
	a.surveyed()
	if want := []told{{"a1", true, true}, {"a2", true, true}}; !slices.Equal(meanwhile, want) {
		t.Errorf("after the run, the ledger told %v", meanwhile)
	}
}

// TestOnlyTouched: after a script that changes a table, only the table is looked at again, and
// everything of the canary and of whoever is not like it in that.
func TestOnlyTouched(t *testing.T) {
	f, m := newFleets(t)
	a := f.all[0]
	a.statement = `ALTER TABLE "users" ADD "age" bigint`
	a.replays = map[string]string{"a3": "another"}
	for _, id := range []string{"a1", "a2", "a3", "a4"} {
		a.found[id] = tenancy.Structure{Owner: id, Fingerprint: "old"}
	}
	report, err := m.Up(t.Context(), migrate.Tenants(tenants("a1", "a2", "a3", "a4")...))
	must(t, err)
	if want := [][]string{{"a1", "a2", "a3", "a4"}, {"a1"}, {"a1", "a3"}, {"a3"}}; !slices.EqualFunc(a.surveys, want, slices.Equal) {
		t.Errorf("looked at %q", a.surveys)
	}
	for _, result := range report.Results {
		id := result.Tenant.ID
		if a.found[id].Fingerprint != a.want || (result.Note != "") != (id == "a3") {
			t.Errorf("%s is %q: %+v", id, a.found[id].Fingerprint, result)
		}
	}
	report, err = m.Status(t.Context(), migrate.Tenants(tenants("a1", "a2", "a3", "a4")...))
	if err != nil || report.Count(migrate.UpToDate) != 4 {
		t.Errorf("%+v, %v", report.Results, err)
	}
}

// TestNoneTouched: where the tables that a script names are not the tenant's own, everything is
// looked at again.
func TestNoneTouched(t *testing.T) {
	f, m := newFleets(t)
	a := f.all[0]
	a.statement, a.elsewhere = `ALTER TABLE "users" ADD "age" bigint`, true
	a.replays = map[string]string{"a2": "another"}
	for _, id := range []string{"a1", "a2"} {
		a.found[id] = tenancy.Structure{Owner: id, Fingerprint: "old"}
	}
	_, err := m.Up(t.Context(), migrate.Tenants(tenants("a1", "a2")...))
	must(t, err)
	if a.found["a2"].Fingerprint != a.want {
		t.Errorf("a2 was left as %q", a.found["a2"].Fingerprint)
	}
}

// TestTrusted: who trusts the ledger changes tenants by what it says of them, and makes nobody
// the first of a structure who is not as it says.
func TestTrusted(t *testing.T) {
	f, m := newFleets(t)
	a := f.all[0]
	a.statement = `ALTER TABLE "users" ADD "age" bigint`
	all := tenants("a1", "a2", "a3", "a4")
	_, err := m.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	_, err = a.base.ExecContext(t.Context(), "UPDATE tenancy_ledger SET version = 'older', fingerprint = 'old'")
	must(t, err)
	for _, one := range all {
		a.found[one.ID] = tenancy.Structure{Owner: one.ID, Fingerprint: "old"}
	}
	a.found["a1"] = tenancy.Structure{Owner: "a1", Fingerprint: "changed by hand"}
	a.surveys, a.recorded, a.replayed = nil, nil, nil

	trusting, err := migrate.New(f.db, migrate.Workers(1), migrate.Trust())
	must(t, err)
	report, err := trusting.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	if !slices.Equal(a.recorded, []string{"a1", "a2"}) || len(a.replayed) != 2 {
		t.Errorf("recorded for %q, replayed %q", a.recorded, a.replayed)
	}
	if want := [][]string{{"a1"}, {"a2"}, {"a2"}, {"a1", "a2"}}; !slices.EqualFunc(a.surveys, want, slices.Equal) {
		t.Errorf("looked at %q", a.surveys)
	}
	if note := report.Results[0].Note; !strings.Contains(note, "not as the last run has left it") {
		t.Errorf("the note on who was changed by hand: %q", note)
	}
}
