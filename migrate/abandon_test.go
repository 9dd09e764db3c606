package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// cut is a sequence of tenants that breaks after the last of them.
func cut(list []tenancy.Tenant, err error) func(yield func(tenancy.Tenant, error) bool) {
	return func(yield func(tenancy.Tenant, error) bool) {
		for _, t := range list {
			if !yield(t, nil) {
				return
			}
		}
		yield(tenancy.Tenant{}, err)
	}
}

// TestAbandoned: where a run ends before the turn of any tenant, the report names all tenants as
// skipped, and why, and the error of their sequence is not lost.
func TestAbandoned(t *testing.T) {
	all := tenants("a1", "a2")
	for name, run := range map[string]func(m *migrate.Migrator, ctx context.Context) (*migrate.Report, error){
		"up": func(m *migrate.Migrator, ctx context.Context) (*migrate.Report, error) {
			return m.Up(ctx, cut(all, io.ErrNoProgress))
		},
		"status": func(m *migrate.Migrator, ctx context.Context) (*migrate.Report, error) {
			return m.Status(ctx, cut(all, io.ErrNoProgress))
		},
	} {
		for why, want := range map[string]error{"the survey fails": io.ErrUnexpectedEOF, "the context has ended": context.Canceled} {
			t.Run(name+", "+why, func(t *testing.T) {
				f, m := newFleets(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if want == context.Canceled {
					cancel()
				} else {
					f.all[0].blind = want
				}
				report, err := run(m, ctx)
				abandoned(t, report, err, want)
				if !errors.Is(err, io.ErrNoProgress) {
					t.Errorf("the error of the sequence is lost: %v", err)
				}
			})
		}
	}
}

// TestRunnerSkips is TestAbandoned for work of another kind.
func TestRunnerSkips(t *testing.T) {
	r, err := migrate.NewRunner()
	must(t, err)
	report, err := r.Skip(t.Context(), "job", migrate.Tenants(tenants("a", "b")...), io.ErrUnexpectedEOF)
	abandoned(t, report, err, io.ErrUnexpectedEOF)
}

// abandoned fails unless both tenants of a run were skipped, for a reason that all is told.
func abandoned(t *testing.T, report *migrate.Report, err, want error) {
	t.Helper()
	var partial *migrate.PartialError
	if !errors.As(err, &partial) || partial.Report != report || !errors.Is(err, want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %v", err)
	}
	if len(report.Results) != 2 || report.Count(migrate.Skipped) != 2 {
		t.Fatalf("the report is %+v", report.Results)
	}
	var table strings.Builder
	must(t, report.WriteTable(&table))
	for _, result := range report.Results {
		if !errors.Is(result.Err, want) || strings.Count(table.String(), want.Error()) < 2 {
			t.Errorf("%s was skipped, as %v:\n%s", result.Tenant.ID, result.Err, &table)
		}
	}
}

// TestUnverified: where the work was done and the look at it fails, the report says both.
func TestUnverified(t *testing.T) {
	f, m := newFleets(t)
	all := tenants("a1", "a2")
	f.all[0].applied = func(string) { f.all[0].blind = io.ErrUnexpectedEOF }
	report, err := m.Up(t.Context(), cut(all, io.ErrNoProgress))
	var partial *migrate.PartialError
	if !errors.As(err, &partial) || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, io.ErrNoProgress) || len(report.Results) != 2 {
		t.Errorf("%+v, %v", report.Results, err)
	}
}

// TestSourceUnchanged: the error of a sequence that ends with its context comes back as it is.
func TestSourceUnchanged(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := migrate.NewRunner()
	must(t, err)
	own := fmt.Errorf("the list of tenants: %w", ctx.Err())
	_, err = r.Run(ctx, "job", cut(tenants("a1"), own), func(context.Context, *migrate.Result) {})
	var partial *migrate.PartialError
	if !errors.As(err, &partial) || partial.Source != own {
		t.Errorf("the source is %v", partial.Source)
	}
}
