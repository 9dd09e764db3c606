package tenancy_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
)

type otherKey struct{}

func TestContexts(t *testing.T) {
	acme, globex := tenancy.Tenant{ID: "acme", Slug: "a", Tier: "gold"}, tenancy.Tenant{ID: "globex"}
	background := context.WithValue(context.Background(), otherKey{}, "kept")
	for name, test := range map[string]struct {
		ctx    context.Context
		tenant tenancy.Tenant
		found  bool
		reason string
	}{
		"none":                  {background, tenancy.Tenant{}, false, ""},
		"tenant":                {tenancy.WithTenant(background, acme), acme, true, ""},
		"tenant over tenant":    {tenancy.WithTenant(tenancy.WithTenant(background, acme), globex), globex, true, ""},
		"system":                {tenancy.WithSystem(background, "why"), tenancy.Tenant{}, false, "why"},
		"system over tenant":    {tenancy.WithSystem(tenancy.WithTenant(background, acme), "why"), tenancy.Tenant{}, false, "why"},
		"tenant over system":    {tenancy.WithTenant(tenancy.WithSystem(background, "why"), acme), acme, true, ""},
		"system without reason": {tenancy.WithSystem(tenancy.WithTenant(background, acme), ""), tenancy.Tenant{}, false, ""},
		"raw":                   {tenancy.WithRawSQL(tenancy.WithTenant(background, acme), "why"), acme, true, ""},
		"raw without a tenant":  {tenancy.WithRawSQL(background, "why"), tenancy.Tenant{}, false, ""},
		"raw without a reason":  {tenancy.WithRawSQL(tenancy.WithTenant(background, acme), ""), acme, true, ""},
		"raw system":            {tenancy.WithRawSQL(tenancy.WithSystem(background, "why"), "raw"), tenancy.Tenant{}, false, "why"},
	} {
		t.Run(name, func(t *testing.T) {
			tenant, found := tenancy.FromContext(test.ctx)
			if tenant != test.tenant || found != test.found {
				t.Errorf("the tenant is %+v, %v", tenant, found)
			}
			reason, system := tenancy.SystemReason(test.ctx)
			if reason != test.reason || system != (test.reason != "") {
				t.Errorf("the reason is %q, %v", reason, system)
			}
			if test.ctx.Value(otherKey{}) != "kept" {
				t.Error("other values are lost")
			}
		})
	}
}

// TestTenantHidesItsDSN: a tenant is printed without its password.
func TestTenantHidesItsDSN(t *testing.T) {
	secret := tenancy.Tenant{ID: "acme", DSN: "postgres://app:hush@db/acme"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("signed up", "tenant", secret)
	for _, text := range []string{fmt.Sprint(secret), fmt.Sprintf("%+v", []tenancy.Tenant{secret}), log.String()} {
		if strings.Contains(text, "hush") || !strings.Contains(text, "acme") {
			t.Errorf("printed as %s", text)
		}
	}
}
