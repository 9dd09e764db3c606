package tenancy_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
)

func TestErrorText(t *testing.T) {
	for want, err := range map[string]*tenancy.Error{
		`tenancy: no tenant`: {Kind: tenancy.ErrNoTenant},
		`tenancy: query: tenant "acme" (schema): not provisioned: run it: EOF`: {
			Kind: tenancy.ErrNotProvisioned, Op: "query", Tenant: "acme", Strategy: "schema", Detail: "run it", Cause: io.EOF,
		},
		`tenancy: bind: invalid tenant: EOF`:                         {Kind: tenancy.ErrInvalidTenant, Op: "bind", Strategy: "schema", Cause: io.EOF},
		`tenancy: tenant "a\"b\n": another tenant's`:                 {Kind: tenancy.ErrTenantMismatch, Tenant: "a\"b\n"},
		`tenancy: tenant "` + strings.Repeat("x", 64) + `"…: closed`: {Kind: tenancy.ErrClosed, Tenant: strings.Repeat("x", 300)},
	} {
		if got := err.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestErrorIsAndAs(t *testing.T) {
	cause := fmt.Errorf("a cause: %w", io.EOF)
	err := fmt.Errorf("handler: %w", &tenancy.Error{Kind: tenancy.ErrMigration, Op: "provision", Tenant: "acme", Cause: cause})
	for _, target := range []error{tenancy.ErrMigration, cause, io.EOF} {
		if !errors.Is(err, target) {
			t.Errorf("it is not %v", target)
		}
	}
	for _, target := range []error{tenancy.ErrNoTenant, tenancy.ErrDrifted, io.ErrUnexpectedEOF} {
		if errors.Is(err, target) {
			t.Errorf("it is %v", target)
		}
	}
	var e *tenancy.Error
	if !errors.As(err, &e) || e.Op != "provision" || e.Tenant != "acme" {
		t.Errorf("it is as %+v", e)
	}
	if errors.Is(&tenancy.Error{Kind: tenancy.ErrNoTenant}, nil) {
		t.Error("without a cause it is nil")
	}
}

func TestSentinelsDiffer(t *testing.T) {
	texts := map[string]bool{}
	for _, err := range []error{
		tenancy.ErrConfig, tenancy.ErrUnsupportedDialect, tenancy.ErrNotInstalled, tenancy.ErrNoTenant, tenancy.ErrInvalidTenant,
		tenancy.ErrNotProvisioned, tenancy.ErrTenantMismatch, tenancy.ErrNoTenantColumn, tenancy.ErrRawSQL, tenancy.ErrDrifted,
		tenancy.ErrElsewhere, tenancy.ErrMigration, tenancy.ErrClosed,
	} {
		if text := err.Error(); texts[text] || text == "" || strings.ToLower(text[:1]) != text[:1] {
			t.Errorf("the sentinel %q is twice, empty or not in lower case", text)
		}
		texts[err.Error()] = true
	}
}
