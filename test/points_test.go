package test

import (
	"database/sql"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/test/conformance"
)

// The tests of the files points_*_test.go are named after the traps that GORM lays for whoever keeps
// tenants apart: where a statement goes that nobody thought of.

type (
	user    = conformance.User
	order   = conformance.Order
	comment = conformance.Comment
	tag     = conformance.Tag
	item    = conformance.Item
	part    = conformance.Part
	label   = conformance.Label
	event   = conformance.Event
)

// point runs fn for the named strategies, or for all, for both tenants in turn. What
// the tenant that it does not act for owns must not change.
func point(t *testing.T, fn func(c *conformance.Case), names ...string) {
	t.Helper()
	pointOn(t, gorm.Config{}, fn, names...)
}

func pointOn(t *testing.T, cfg gorm.Config, fn func(c *conformance.Case), names ...string) {
	t.Helper()
	t.Parallel()
	for _, s := range sqliteSubjects() {
		if len(names) == 0 || slices.Contains(names, s.Name) {
			t.Run(s.Name, func(t *testing.T) { conformance.NewWorld(t, s, cfg).Act(t, fn) })
		}
	}
}

// base returns the database that GORM opened, without the plugin.
func base(c *conformance.Case) *sql.DB {
	c.Helper()
	db, err := c.World.DB.DB()
	c.NoError(err)
	return db
}

// ask reads one text from the base database, without the plugin.
func ask(c *conformance.Case, query string, args ...any) string {
	c.Helper()
	var answer string
	c.NoError(base(c).QueryRowContext(c.Context(), query, args...).Scan(&answer))
	return answer
}
