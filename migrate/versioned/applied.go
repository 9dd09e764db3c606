package versioned

import (
	"context"
	"strings"

	"github.com/pressly/goose/v3/database"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// history is the versions that a tenant has.
type history struct {
	versions map[int64]bool
	latest   int64
}

// applied reads a tenant's versions: none, where it has no table of them.
func (m *Migrator) applied(ctx context.Context, b tenancy.Binding) (history, error) {
	return m.set.applied(ctx, m.in, b)
}

func (s *set) applied(ctx context.Context, in *tenancy.Installation, b tenancy.Binding) (history, error) {
	h := history{versions: map[int64]bool{}}
	pool, release, err := in.Acquire(ctx, b)
	if err != nil {
		return h, err
	}
	defer release()
	table := s.Table
	if b.Names.Schema != "" {
		table = quoted(in, b.Names.Table(table))
	}
	store, err := database.NewStore(dialects[in.Dialect()], table)
	if err != nil {
		return h, err
	}
	rows, err := store.ListMigrations(ctx, pool)
	if err != nil && !missingTable(err) {
		return h, err
	}
	for _, row := range rows {
		if row.IsApplied {
			h.versions[row.Version] = true
			h.latest = max(h.latest, row.Version)
		}
	}
	return h, nil
}

func quoted(in *tenancy.Installation, name string) string {
	var b strings.Builder
	in.Dialector().QuoteTo(&b, name)
	return b.String()
}

// missingTable recognises a database's complaint that a table or a schema is not there.
func missingTable(err error) bool {
	switch ddl.SQLState(err) {
	case "42P01", "3F000":
		return true
	default:
		return strings.Contains(err.Error(), "no such table") || ddl.MySQLError(err, 1146)
	}
}
