package migrate

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/ddl"
)

// The order in which models came to an installation is in the ledger, too: for each version,
// an entry of no tenant. Models themselves have none, and a program of old ones must tell a
// tenant that newer ones have been at from one that is behind.

// placed begins the names of such entries. No tenant's is like it.
const placed = "(models %d)"

// order notes that a version is the newest, unless it is known.
func (l ledger) order(ctx context.Context, version string) error {
	base, err := l.in.Base()
	if err != nil {
		return err
	}
	places, err := l.places(ctx, base)
	if err != nil || places[version] > 0 {
		return err
	}
	return ddl.Exclusive(ctx, base, l.in.Dialect(), "ledger", func(tx gorm.ConnPool) error {
		places, err := l.places(ctx, tx)
		if err != nil || places[version] > 0 {
			return err
		}
		return l.write(ctx, tx, entry{Name: fmt.Sprintf(placed, len(places)+1), Version: version})
	})
}

// places says of each version which one it was, beginning with 1.
func (l ledger) places(ctx context.Context, pool gorm.ConnPool) (map[string]int, error) {
	rows, err := pool.QueryContext(ctx, "SELECT name, version FROM "+l.table+" WHERE tenant_id = ''")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	places := map[string]int{}
	for rows.Next() {
		var name, version string
		if err := rows.Scan(&name, &version); err != nil {
			return nil, err
		}
		var place int
		if n, _ := fmt.Sscanf(name, placed, &place); n == 1 { // others are of shared models
			places[version] = place
		}
	}
	return places, rows.Err()
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
	if err := m.ledger.order(ctx, version); err != nil {
		return err
	}
	m.ordered.Store(true)
	return nil
}
