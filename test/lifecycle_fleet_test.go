package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

func tenantsOf(ids ...string) []tenancy.Tenant {
	list := make([]tenancy.Tenant, len(ids))
	for i, id := range ids {
		list[i] = tenancy.Tenant{ID: id}
	}
	return list
}

// states writes a report down: each tenant with its state.
func states(r *migrate.Report) []string {
	var list []string
	for _, result := range r.Results {
		list = append(list, fmt.Sprintf("%s: %s", result.Tenant.ID, result.State))
	}
	return list
}

// inOrder fails unless the report names the tenants in order, each in its state.
func inOrder(t *testing.T, r *migrate.Report, want ...string) {
	t.Helper()
	if got := strings.Join(states(r), "; "); got != strings.Join(want, "; ") {
		t.Errorf("the report says %q, want %q", got, strings.Join(want, "; "))
	}
}

// bad is a tenant that cannot be provisioned by any strategy.
const bad = "not\x00printable"

// TestUp migrates many tenants with different numbers of workers.
func TestUp(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		for _, workers := range []int{1, 4} {
			t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
				s := openSite(t, k, setup{options: []migrate.Option{migrate.Workers(workers)}})
				var ids, done, upToDate []string
				for i := range 8 {
					id := fmt.Sprintf("tenant-%d", i)
					ids, done, upToDate = append(ids, id), append(done, id+": done"), append(upToDate, id+": up to date")
				}
				for range 2 {
					report, err := s.migrate.Up(t.Context(), migrate.Tenants(tenantsOf(ids...)...))
					must(t, err)
					inOrder(t, report, done...)
				}
				s.fill(t, ids[3], 2)
				s.holds(t, ids[3], 2)
				s.holds(t, ids[4], 0)
				report, err := s.migrate.Status(t.Context(), migrate.Tenants(tenantsOf(ids...)...))
				must(t, err)
				inOrder(t, report, upToDate...)
				if report.Count(migrate.UpToDate) != len(ids) || len(report.In(migrate.UpToDate)) != len(ids) || report.Count(migrate.Failed) != 0 {
					t.Errorf("the report counts wrongly: %v", states(report))
				}
			})
		}
	})
}

// TestUpGoesOn after a tenant that fails, and says which.
func TestUpGoesOn(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{options: []migrate.Option{migrate.Workers(2)}})
		report, err := s.migrate.Up(t.Context(), migrate.Tenants(tenantsOf("acme", bad, "globex")...))
		inOrder(t, report, "acme: done", bad+": failed", "globex: done")
		wantKind(t, err, tenancy.ErrInvalidTenant)
		var partial *migrate.PartialError
		if !errors.As(err, &partial) || partial.Report != report || partial.Source != nil {
			t.Errorf("the error is %#v", err)
		}
		wantTenant(t, report.Results[1].Err, "up", bad, k.name)
		must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "globex"}))
	})
}

// TestUpStops after as many failures as it is told.
func TestUpStops(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		for n, want := range map[int][]string{
			1: {"acme: done", bad + ": failed", "globex: skipped", bad + ": skipped", "initech: skipped"},
			2: {"acme: done", bad + ": failed", "globex: done", bad + ": failed", "initech: skipped"},
			3: {"acme: done", bad + ": failed", "globex: done", bad + ": failed", "initech: done"},
		} {
			s := openSite(t, k, setup{options: []migrate.Option{migrate.Workers(1), migrate.StopAfter(n)}})
			report, err := s.migrate.Up(t.Context(), migrate.Tenants(tenantsOf("acme", bad, "globex", bad, "initech")...))
			inOrder(t, report, want...)
			wantKind(t, err, tenancy.ErrInvalidTenant)
			err = s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "initech"})
			if skipped := n < 3 && k.name != "shared"; skipped != errors.Is(err, tenancy.ErrNotProvisioned) {
				t.Errorf("after %d failures initech is %v", n, err)
			}
		}
	})
}

// errSource is what a sequence of tenants fails with.
var errSource = errors.New("the list of tenants broke off")

// TestUpSourceFails: an error of the sequence ends the run and comes back.
func TestUpSourceFails(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		asked := 0
		source := iter.Seq2[tenancy.Tenant, error](func(yield func(tenancy.Tenant, error) bool) {
			for _, tenant := range tenantsOf("acme", "globex") {
				asked++
				if !yield(tenant, nil) {
					return
				}
			}
			if !yield(tenancy.Tenant{}, errSource) {
				return
			}
			asked++
			yield(tenancy.Tenant{ID: "initech"}, nil)
		})
		report, err := s.migrate.Up(t.Context(), source)
		inOrder(t, report, "acme: done", "globex: done")
		wantKind(t, err, errSource)
		var partial *migrate.PartialError
		if !errors.As(err, &partial) || partial.Source != errSource {
			t.Errorf("the source's error came back as %v", err)
		}
		if asked != 2 {
			t.Errorf("%d tenants were asked for", asked)
		}
	})
}

// spied is a strategy that tells when a tenant was provisioned.
type spied struct {
	tenancy.Strategy

	after func(tenancy.Tenant)
}

type spiedProvider struct {
	tenancy.Provider

	after func(tenancy.Tenant)
}

func (s spied) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	p, err := s.Strategy.Install(in)
	return spiedProvider{p, s.after}, err
}

func (p spiedProvider) Provision(ctx context.Context, t tenancy.Tenant) error {
	defer p.after(t)
	return p.Provider.Provision(ctx, t)
}

func (p spiedProvider) Group(t tenancy.Tenant) string { return t.ID }

// TestUpCancelled: tenants that were not begun are skipped, and named.
func TestUpCancelled(t *testing.T) {
	t.Parallel()
	errStop := errors.New("enough")
	eachKind(t, func(t *testing.T, k kind) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		plain := k.make
		k.make = func(dir string) tenancy.Strategy {
			return spied{plain(dir), func(t tenancy.Tenant) {
				if t.ID == "globex" {
					cancel(errStop)
				}
			}}
		}
		s := openSite(t, k, setup{options: []migrate.Option{migrate.Workers(1)}})
		all := migrate.Tenants(tenantsOf("acme", "globex", "initech", "hooli")...)
		report, err := s.migrate.Up(ctx, all)
		wantKind(t, err, errStop)
		inOrder(t, report, "acme: done", "globex: done", "initech: skipped", "hooli: skipped")

		report, err = s.migrate.Up(ctx, all)
		if !errors.Is(err, errStop) && !errors.Is(err, context.Canceled) || report.Count(migrate.Done) > 0 {
			t.Errorf("a run that was cancelled before it began: %v, %v", states(report), err)
		}
		report, err = s.migrate.Up(t.Context(), all)
		must(t, err)
		inOrder(t, report, "acme: done", "globex: done", "initech: done", "hooli: done")
	})
}

// TestStatus finds tenants that are well, missing and drifted.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{bySchema, byDatabase} {
		t.Run(k.name, func(t *testing.T) {
			s := openSite(t, k, setup{})
			s.provision(t, "acme", "globex")
			s.raw(t, "DROP TABLE `%s`", s.table(t, "replies"))
			report, err := s.migrate.Status(t.Context(), migrate.Tenants(tenantsOf("acme", "globex", "initech")...))
			must(t, err)
			inOrder(t, report, "acme: drifted", "globex: up to date", "initech: missing")
			wantKind(t, report.Results[0].Err, tenancy.ErrDrifted)
			wantKind(t, report.Results[2].Err, tenancy.ErrNotProvisioned)

			report, err = s.migrate.Status(t.Context(), migrate.Tenants(tenantsOf("globex", bad)...))
			inOrder(t, report, "globex: up to date", bad+": failed")
			wantKind(t, err, tenancy.ErrInvalidTenant)

			report, err = s.migrate.Up(t.Context(), migrate.Tenants(tenantsOf("acme", "globex")...))
			must(t, err)
			inOrder(t, report, "acme: done", "globex: done")
			must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
		})
	}
}

// lockedBuffer is a writer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// TestProgress writes plain lines where there is no terminal: failures and a summary.
func TestProgress(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		var out lockedBuffer
		s := openSite(t, k, setup{options: []migrate.Option{migrate.Progress(&out)}})
		_, err := s.migrate.Up(t.Context(), migrate.Tenants(tenantsOf("acme", bad, "globex")...))
		wantKind(t, err, tenancy.ErrInvalidTenant)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], `"not\x00printable"`) || !strings.Contains(lines[1], "3 tenants, 1 failed") {
			t.Errorf("the progress was %q", lines)
		}
	})
}

// TestWorkersMustBeSome: options that cannot work are refused.
func TestWorkersMustBeSome(t *testing.T) {
	t.Parallel()
	s := openSite(t, byShared, setup{})
	_, err := migrate.New(s.db, migrate.Workers(0))
	wantKind(t, err, tenancy.ErrConfig)
}
