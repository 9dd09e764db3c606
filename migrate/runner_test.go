package migrate_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// TestRunnerStates: work that says nothing of a tenant has done it, work that gives an error has
// failed, and what work says itself stands.
func TestRunnerStates(t *testing.T) {
	r, err := migrate.NewRunner(migrate.Workers(2))
	must(t, err)
	all := []string{"fine", "failed", "behind", "panics", "panics with an error"}
	report, err := r.Run(t.Context(), "job", migrate.Tenants(tenants(all...)...), func(_ context.Context, result *migrate.Result) {
		switch result.Tenant.ID {
		case "failed":
			result.Err = io.ErrUnexpectedEOF
		case "behind":
			result.State, result.Err = migrate.Behind, tenancy.ErrBehind
		case "panics":
			panic("no more")
		case "panics with an error":
			panic(io.ErrShortWrite)
		}
	})
	want := []migrate.State{migrate.Done, migrate.Failed, migrate.Behind, migrate.Failed, migrate.Failed}
	for i, result := range report.Results {
		if result.State != want[i] {
			t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
		}
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(err, io.ErrShortWrite) || errors.Is(err, tenancy.ErrBehind) {
		t.Errorf("the error is %v", err)
	}
	var panicked *migrate.PanicError
	wantError(t, report.Results[3].Err, tenancy.ErrMigration, "panics")
	if !errors.As(report.Results[3].Err, &panicked) || panicked.Value != "no more" || len(panicked.Stack) == 0 {
		t.Errorf("the panic came back as %v", report.Results[3].Err)
	}
}

// TestNilOption: an option that is nil changes nothing.
func TestNilOption(t *testing.T) {
	newMigrator(t, &fake{}, nil, migrate.Workers(2), nil)
	_, err := migrate.NewRunner(nil)
	must(t, err)
}
