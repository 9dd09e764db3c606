package migrate_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// fake is a strategy that only counts.
type fake struct {
	mu          sync.Mutex
	provisioned []string
	verify      map[string]error
	fails       map[string]error
	groups      map[string]string
	busy, most  atomic.Int64
}

func (*fake) Name() string { return "fake" }

func (f *fake) Install(*tenancy.Installation) (tenancy.Provider, error) { return f, nil }

func (*fake) Bind(tenancy.Tenant) (tenancy.Binding, error) { return tenancy.Binding{}, nil }

func (f *fake) Provision(_ context.Context, t tenancy.Tenant) error {
	if n := f.busy.Add(1); n > f.most.Load() {
		f.most.Store(n)
	}
	defer f.busy.Add(-1)
	time.Sleep(2 * time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.provisioned = append(f.provisioned, t.ID)
	return f.fails[t.ID]
}

func (f *fake) Destroy(_ context.Context, t tenancy.Tenant) error { return f.fails[t.ID] }
func (f *fake) Verify(_ context.Context, t tenancy.Tenant) error  { return f.verify[t.ID] }
func (*fake) Close() error                                        { return nil }

func (f *fake) Group(t tenancy.Tenant) string {
	if group, ok := f.groups[t.ID]; ok {
		return group
	}
	return t.ID
}

func newMigrator(t *testing.T, f *fake, options ...migrate.Option) *migrate.Migrator {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() {
		base, err := db.DB()
		must(t, err)
		must(t, base.Close())
	})
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: f})))
	m, err := migrate.New(db, options...)
	must(t, err)
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError fails unless err is of a kind and names the tenant.
func wantError(t *testing.T, err, kind error, tenant string) {
	t.Helper()
	var known *tenancy.Error
	if !errors.As(err, &known) || !errors.Is(err, kind) || known.Tenant != tenant {
		t.Errorf("the error is %v", err)
	}
}

func tenants(ids ...string) []tenancy.Tenant {
	list := make([]tenancy.Tenant, len(ids))
	for i, id := range ids {
		list[i] = tenancy.Tenant{ID: id}
	}
	return list
}

func TestWorkers(t *testing.T) {
	ids := strings.Split(strings.Repeat("x", 20), "")
	for i := range ids {
		ids[i] += string(rune('a' + i))
	}
	for _, workers := range []int{1, 3} {
		f := &fake{}
		report, err := newMigrator(t, f, migrate.Workers(workers)).Up(t.Context(), migrate.Tenants(tenants(ids...)...))
		must(t, err)
		if report.Count(migrate.Done) != 20 || len(f.provisioned) != 20 || f.most.Load() > int64(workers) {
			t.Errorf("%d workers: %d done, %d provisioned, %d at once", workers, report.Count(migrate.Done), len(f.provisioned), f.most.Load())
		}
	}
}

// TestGroups migrates what tenants have in common once, and reports it for each.
func TestGroups(t *testing.T) {
	for name, fails := range map[string]error{"well": nil, "failing": io.ErrClosedPipe} {
		t.Run(name, func(t *testing.T) {
			f := &fake{groups: map[string]string{"a": "one", "b": "one", "c": "one"}, fails: map[string]error{"a": fails, "b": fails, "c": fails}}
			report, err := newMigrator(t, f, migrate.Workers(3)).Up(t.Context(), migrate.Tenants(tenants("a", "b", "c", "d")...))
			if len(f.provisioned) != 2 {
				t.Errorf("provisioned: %v", f.provisioned)
			}
			if !errors.Is(err, fails) || report.Count(migrate.Failed) != map[bool]int{true: 0, false: 3}[fails == nil] {
				t.Errorf("%+v, %v", report.Results, err)
			}
			for _, tenant := range report.In(migrate.Failed) {
				i := slices.IndexFunc(report.Results, func(r migrate.Result) bool { return r.Tenant == tenant })
				var e *tenancy.Error
				if !errors.As(report.Results[i].Err, &e) || e.Tenant != tenant.ID || e.Op != "up" || e.Strategy != "fake" || !errors.Is(e, tenancy.ErrMigration) {
					t.Errorf("%s failed with %v", tenant.ID, report.Results[i].Err)
				}
			}
		})
	}
}

// TestErrors: an error of the database becomes one that says whose it was; one of the module is completed.
func TestErrors(t *testing.T) {
	own := &tenancy.Error{Kind: tenancy.ErrTenantMismatch, Detail: "detail"}
	f := &fake{fails: map[string]error{"db": io.ErrUnexpectedEOF, "own": own}, verify: map[string]error{"db": io.ErrUnexpectedEOF, "own": own}}
	m := newMigrator(t, f)
	for op, run := range map[string]func(context.Context, tenancy.Tenant) error{"provision": m.Provision, "destroy": m.Destroy, "verify": m.Verify} {
		must(t, run(t.Context(), tenancy.Tenant{ID: "fine"}))
		for id, kinds := range map[string][]error{"db": {tenancy.ErrMigration, io.ErrUnexpectedEOF}, "own": {tenancy.ErrTenantMismatch}} {
			err := run(t.Context(), tenancy.Tenant{ID: id})
			var e *tenancy.Error
			if !errors.As(err, &e) || e.Op != op || e.Tenant != id || e.Strategy != "fake" {
				t.Errorf("%s: %v", op, err)
			}
			for _, kind := range kinds {
				if !errors.Is(err, kind) {
					t.Errorf("%s: %v is not %v", op, err, kind)
				}
			}
		}
	}
	if own.Op != "" || own.Tenant != "" {
		t.Errorf("the strategy's error was changed: %+v", own)
	}
}

// TestStatusStates sorts what Verify says.
func TestStatusStates(t *testing.T) {
	f := &fake{verify: map[string]error{
		"missing": &tenancy.Error{Kind: tenancy.ErrNotProvisioned}, "drifted": &tenancy.Error{Kind: tenancy.ErrDrifted}, "down": io.EOF,
	}}
	report, err := newMigrator(t, f).Status(t.Context(), migrate.Tenants(tenants("fine", "missing", "drifted", "down")...))
	want := []migrate.State{migrate.UpToDate, migrate.Missing, migrate.Drifted, migrate.Failed}
	for i, result := range report.Results {
		if result.State != want[i] {
			t.Errorf("%s is %s, want %s", result.Tenant.ID, result.State, want[i])
		}
	}
	var partial *migrate.PartialError
	if !errors.As(err, &partial) || !errors.Is(err, io.EOF) || errors.Is(err, tenancy.ErrDrifted) || !strings.Contains(err.Error(), "1 tenants failed") {
		t.Errorf("the error is %v", err)
	}
}

// TestTenants ends when it is told to.
func TestTenants(t *testing.T) {
	n := 0
	for tenant, err := range migrate.Tenants(tenants("a", "b", "c")...) {
		must(t, err)
		if n++; tenant.ID == "b" {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d tenants", n)
	}
}
