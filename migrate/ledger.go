package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// entry is what a run left of one tenant's structures. A run that was killed goes on by it.
type entry struct {
	Name        string `gorm:"primaryKey;size:512"` // as tenancy.Provider.Group has it
	TenantID    string `gorm:"size:255;not null"`
	Version     string `gorm:"size:64;not null"`  // of the models
	Fingerprint string `gorm:"size:191;not null"` // of the structures; empty: not looked at
	AppliedAt   time.Time
}

// TableName is reserved by the module: no tenant's name begins so.
func (entry) TableName() string { return "tenancy_ledger" }

// ledger is the table of entries in the base database.
type ledger struct {
	in    *tenancy.Installation
	table string // as SQL says it, whatever the search_path
}

func newLedger(in *tenancy.Installation) ledger {
	name := entry{}.TableName()
	if shared, ok := in.Provider().(tenancy.SharedBinder); ok {
		name = shared.SharedBinding().Names.SharedTable(name)
	}
	var quoted strings.Builder
	in.Dialector().QuoteTo(&quoted, name)
	return ledger{in, quoted.String()}
}

// create makes the table where it is missing.
func (l ledger) create(ctx context.Context) error {
	base, err := l.in.Base()
	if err != nil {
		return err
	}
	if there, err := l.exists(ctx, base); err != nil || there {
		return err
	}
	return ddl.Exclusive(ctx, base, l.in.Dialect(), "ledger", func(tx gorm.ConnPool) error {
		db, err := l.settled(ctx, tx)
		if err != nil || db.Migrator().HasTable(&entry{}) {
			return err
		}
		return db.Migrator().CreateTable(&entry{})
	})
}

// settled returns a handle that finds the ledger by its bare name.
func (l ledger) settled(ctx context.Context, tx gorm.ConnPool) (*gorm.DB, error) {
	if shared, ok := l.in.Provider().(tenancy.SharedBinder); ok {
		if err := tenancy.Settle(ctx, tx, shared.SharedBinding()); err != nil {
			return nil, err
		}
	}
	return l.in.Plain(ctx, tx)
}

// exists asks for the table.
func (l ledger) exists(ctx context.Context, pool gorm.ConnPool) (there bool, err error) {
	if l.in.Dialect() == "postgres" {
		err = pool.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", l.table).Scan(&there)
		return there, err
	}
	db, err := l.in.Plain(ctx, pool)
	if err != nil {
		return false, err
	}
	return db.Migrator().HasTable(&entry{}), nil
}

// read returns the entries of all tenants, or of a named one, and those of the models.
func (l ledger) read(ctx context.Context, names ...string) (map[string]entry, error) {
	base, err := l.in.Base()
	if err != nil {
		return nil, err
	}
	entries := map[string]entry{}
	if there, err := l.exists(ctx, base); err != nil || !there {
		return entries, err
	}
	query, args := "SELECT name, tenant_id, version, fingerprint FROM "+l.table, []any{} //nolint:gosec // a quoted name
	if len(names) == 1 {
		query, args = query+" WHERE tenant_id = '' OR name = "+l.mark(1), []any{names[0]}
	}
	rows, err := base.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.Name, &e.TenantID, &e.Version, &e.Fingerprint); err != nil {
			return nil, err
		}
		entries[e.Name] = e
	}
	return entries, rows.Err()
}

// mark is the n-th placeholder.
func (l ledger) mark(n int) string {
	switch l.in.Dialect() {
	case "postgres":
		return fmt.Sprint("$", n)
	case "sqlserver":
		return fmt.Sprint("@p", n)
	default:
		return "?"
	}
}

// one returns one tenant's entry, as a transaction sees it.
func (l ledger) one(ctx context.Context, pool gorm.ConnPool, name string) (entry, error) {
	var e entry
	rows, err := pool.QueryContext(ctx, "SELECT name, tenant_id, version, fingerprint FROM "+l.table+" WHERE name = "+l.mark(1), name)
	if err != nil {
		return e, err
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		err = rows.Scan(&e.Name, &e.TenantID, &e.Version, &e.Fingerprint)
	}
	if err != nil {
		return e, err
	}
	return e, rows.Err()
}

// apart reports whether the base database is another than the tenant's: it is told of a
// change before that is committed, and not in the same transaction.
func apart(base gorm.ConnPool) bool {
	_, pool := base.(*sql.DB)
	return pool
}

// provisional is an entry as it may be written before its change is committed, elsewhere:
// without what it would be believed by.
func provisional(e entry) entry {
	e.Version, e.Fingerprint = "", ""
	return e
}

// committed is an entry as it may be written when its change is committed, and the tenant was
// not looked at again: programs of other models go by the version, and nobody goes by what
// the structure is.
func committed(e entry) entry {
	e.Fingerprint = ""
	return e
}

// record replaces entries in the base database.
func (l ledger) record(ctx context.Context, entries ...entry) error {
	base, err := l.in.Base()
	if err != nil {
		return err
	}
	return l.write(ctx, base, entries...)
}

// write replaces entries, in one transaction or in the one that pool is.
func (l ledger) write(ctx context.Context, pool gorm.ConnPool, entries ...entry) error {
	const most = 100 // SQLite bears few placeholders
	for len(entries) > 0 {
		n := min(most, len(entries))
		if err := l.writeSome(ctx, pool, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (l ledger) writeSome(ctx context.Context, pool gorm.ConnPool, entries []entry) error {
	query, args := l.upsert(entries)
	_, err := pool.ExecContext(ctx, query, args...)
	return err
}

// claim replaces an entry in the transaction of its change, unless somebody else has told the
// ledger the same of the tenant since it said what is known. It is not for MySQL, which has
// no such transaction.
func (l ledger) claim(ctx context.Context, tx gorm.ConnPool, e, known entry) (bool, error) {
	query, args := l.upsert([]entry{e})
	query += " WHERE " + l.table + ".version <> excluded.version OR " + l.table + ".tenant_id <> excluded.tenant_id"
	if known.says(e) {
		query += " OR " + l.table + ".fingerprint = " + l.mark(len(args)+1)
		args = append(args, known.Fingerprint)
	}
	done, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

// says reports whether an entry says that the tenant was brought to the models of another.
func (e entry) says(other entry) bool {
	return e.Version == other.Version && e.TenantID == other.TenantID
}

// upsert is the statement that replaces entries.
func (l ledger) upsert(entries []entry) (query string, args []any) {
	var values []string
	now := time.Now().UTC()
	for _, e := range entries {
		marks := make([]string, 5)
		for i := range marks {
			marks[i] = l.mark(len(args) + i + 1)
		}
		values = append(values, "("+strings.Join(marks, ", ")+")")
		args = append(args, e.Name, e.TenantID, e.Version, e.Fingerprint, now)
	}
	query = "INSERT INTO " + l.table + " (name, tenant_id, version, fingerprint, applied_at) VALUES " + strings.Join(values, ", ")
	if l.in.Dialect() == "mysql" {
		query += " ON DUPLICATE KEY UPDATE tenant_id = VALUES(tenant_id), version = VALUES(version), fingerprint = VALUES(fingerprint), applied_at = VALUES(applied_at)"
	} else {
		query += " ON CONFLICT (name) DO UPDATE SET tenant_id = excluded.tenant_id, version = excluded.version, fingerprint = excluded.fingerprint, applied_at = excluded.applied_at"
	}
	return query, args
}

// forget removes a tenant's entry. On SQLite it waits for others who write as [ddl.Patient] says.
func (l ledger) forget(ctx context.Context, name, id string) error {
	base, err := l.in.Base()
	if err != nil {
		return err
	}
	if there, err := l.exists(ctx, base); err != nil || !there {
		return err
	}
	return ddl.Write(ctx, base, l.in.Dialect(), func(tx gorm.ConnPool) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM "+l.table+" WHERE name = "+l.mark(1)+" AND tenant_id = "+l.mark(2), name, id)
		return err
	})
}
