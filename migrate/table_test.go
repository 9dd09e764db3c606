package migrate_test

import (
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy/migrate"
)

// TestTableSaysOnce: what Up has found and left is one finding, not two.
func TestTableSaysOnce(t *testing.T) {
	const left, mended = "column hulls.nickname: not in the models: text", "index hulls.idx_hulls_name: missing"
	report := &migrate.Report{Results: []migrate.Result{
		{Tenant: tenants("acme")[0], State: migrate.Done, Differed: []string{left, mended}, Differs: []string{left}},
	}}
	var table strings.Builder
	must(t, report.WriteTable(&table))
	if text := table.String(); strings.Count(text, left) != 1 || !strings.Contains(text, "found "+mended) || strings.Contains(text, "found "+left) {
		t.Error(text)
	}
}
