package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// hull and rivet are the models of a fleet, and hullLater is what hull becomes.
type hull struct {
	ID     uint
	Name   string  `gorm:"size:100;index"`
	Weight int     `gorm:"not null;default:7"`
	Rivets []rivet `gorm:"constraint:OnDelete:CASCADE"`
}

type rivet struct {
	ID     uint
	HullID uint `gorm:"index"`
	Label  string
	Size   int `gorm:"check:size_positive,size > 0"`
}

type hullLater struct {
	ID     uint
	Name   string `gorm:"size:200;index"`
	Weight int    `gorm:"not null;default:7"`
	Color  string `gorm:"index"`
}

func (hullLater) TableName() string { return "hulls" }

func fleetModels() []any { return []any{&hull{}, &rivet{}} }
func laterModels() []any { return []any{&hullLater{}, &rivet{}} }

// numbered names n tenants.
func numbered(n int) []tenancy.Tenant {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("ship%03d", i)
	}
	return tenantsOf(ids...)
}

// up runs Up and fails unless all are done.
func (s *site) up(t testing.TB, tenants []tenancy.Tenant, options ...migrate.Option) *migrate.Report {
	t.Helper()
	m, err := migrate.New(s.db, options...)
	must(t, err)
	report, err := m.Up(t.Context(), migrate.Tenants(tenants...))
	must(t, err)
	if report.Count(migrate.Done) != len(tenants) {
		t.Fatalf("not all are done: %v", states(report))
	}
	return report
}

// together fails unless the run migrated nobody by itself.
func together(t testing.TB, r *migrate.Report) {
	t.Helper()
	for _, result := range r.Results {
		if result.Note != "" {
			t.Errorf("%s: %s", result.Tenant.ID, result.Note)
		}
	}
}

// status is the report of Status, all of whose tenants could be asked.
func (s *site) status(t testing.TB, tenants []tenancy.Tenant) *migrate.Report {
	t.Helper()
	report, err := s.migrate.Status(t.Context(), migrate.Tenants(tenants...))
	must(t, err)
	return report
}

// of is the result of one tenant.
func of(t testing.TB, r *migrate.Report, id string) migrate.Result {
	t.Helper()
	for _, result := range r.Results {
		if result.Tenant.ID == id {
			return result
		}
	}
	t.Fatalf("the report does not name %s", id)
	return migrate.Result{}
}

// says fails unless one of the findings has all the words.
func says(t testing.TB, what string, findings []string, words ...string) {
	t.Helper()
	for _, finding := range findings {
		found := 0
		for _, word := range words {
			if strings.Contains(finding, word) {
				found++
			}
		}
		if found == len(words) {
			return
		}
	}
	t.Errorf("%s: nothing in %q says %q", what, findings, words)
}
