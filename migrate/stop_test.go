package migrate_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// TestStoppedSaysWhy: a tenant that was not begun, since the run was stopped, says so: in its
// result, in the table and in JSON.
func TestStoppedSaysWhy(t *testing.T) {
	f := &fake{fails: map[string]error{"a": io.ErrUnexpectedEOF}}
	m := newMigrator(t, f, migrate.Workers(1), migrate.StopAfter(1))
	report, err := m.Up(t.Context(), migrate.Tenants(tenants("a", "b")...))
	if report.Count(migrate.Skipped) != 1 || err == nil || report.Results[1].Err == nil {
		t.Fatalf("%+v, %v", report.Results, err)
	}
	const why = "stopped after 1 failures"
	skipped := report.Results[1]
	wantError(t, skipped.Err, tenancy.ErrMigration, "b")
	var table strings.Builder
	must(t, report.WriteTable(&table))
	text, err := json.Marshal(report)
	must(t, err)
	for _, shown := range []string{skipped.Err.Error(), table.String(), string(text)} {
		if !strings.Contains(shown, why) {
			t.Errorf("%q does not say why b was skipped", shown)
		}
	}
}
