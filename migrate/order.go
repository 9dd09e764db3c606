package migrate

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/ddl"
)

// The order in which models came to an installation is in the ledger, too: for each version,
// an entry of no tenant. Models themselves have none, and a program of old ones must tell a
// tenant that newer ones have been at from one that is behind. There is one for each table as
// well, so that a tenant need not be asked about those that are as they were in its version.

// Such entries are named so. No tenant's is like them.
const (
	placed = "(models %d)"

	ofTable   = "(table "
	ofTableTo = ")"
)

// lineage is what the ledger says of the models that came to an installation.
type lineage struct {
	places map[string]int        // of each version, beginning with 1
	tables map[string]generation // the newest version's, by table
}

// generation is the state of a table's models, which all versions have had since a place.
type generation struct {
	state string // empty: none of them is of the table
	since int
}

func newLineage() lineage {
	return lineage{places: map[string]int{}, tables: map[string]generation{}}
}

// note reads an entry. Others than those of the models say nothing.
func (l lineage) note(e entry) {
	var place int
	if n, _ := fmt.Sscanf(e.Name, placed, &place); n == 1 {
		l.places[e.Version] = place
		return
	}
	if table, found := strings.CutPrefix(e.Name, ofTable); found {
		since, err := strconv.Atoi(e.Fingerprint)
		if err == nil {
			l.tables[strings.TrimSuffix(table, ofTableTo)] = generation{e.Version, since}
		}
	}
}

// next are the entries of a version that comes after all others, whose tables' models have
// states.
func (l lineage) next(version string, states map[string]string) []entry {
	place := len(l.places) + 1
	entries := []entry{{Name: fmt.Sprintf(placed, place), Version: version}}
	for table, state := range union(l.tables, states) {
		if known, there := l.tables[table]; !there || known.state != state {
			entries = append(entries, entry{Name: ofTable + table + ofTableTo, Version: state, Fingerprint: strconv.Itoa(place)})
		}
	}
	return entries
}

// union is the states of all tables, of the known ones that have none any more as well.
func union(known map[string]generation, states map[string]string) map[string]string {
	all := make(map[string]string, len(states))
	for table := range known {
		all[table] = ""
	}
	maps.Copy(all, states)
	return all
}

// order notes that a version is the newest, unless it is known.
func (l ledger) order(ctx context.Context, version string, states func() (map[string]string, error)) error {
	base, err := l.in.Base()
	if err != nil {
		return err
	}
	known, err := l.lineage(ctx, base)
	if err != nil || known.places[version] > 0 {
		return err
	}
	of, err := states()
	if err != nil {
		return err
	}
	return ddl.Exclusive(ctx, base, l.in.Dialect(), "ledger", func(tx gorm.ConnPool) error {
		known, err := l.lineage(ctx, tx)
		if err != nil || known.places[version] > 0 {
			return err
		}
		return l.write(ctx, tx, known.next(version, of)...)
	})
}

// lineage reads the entries of no tenant.
func (l ledger) lineage(ctx context.Context, pool gorm.ConnPool) (lineage, error) {
	known := newLineage()
	rows, err := pool.QueryContext(ctx, "SELECT name, version, fingerprint FROM "+l.table+" WHERE tenant_id = ''")
	if err != nil {
		return known, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.Name, &e.Version, &e.Fingerprint); err != nil {
			return known, err
		}
		known.note(e)
	}
	return known, rows.Err()
}

// order notes the migrator's models, once.
func (m *Migrator) order(ctx context.Context) error {
	if m.ordered.Load() {
		return nil
	}
	version, err := m.version()
	if err != nil {
		return err
	}
	if err := m.ledger.order(ctx, version, m.states); err != nil {
		return err
	}
	m.ordered.Store(true)
	return nil
}
