package hybrid

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/freeze"
)

// On MySQL and MariaDB a move makes no structures in common tables: whoever makes a trigger
// there waits for all transactions that have used the table, and all others wait behind it.
// So the triggers are there already, since Provision, and look into a table that has a row for
// each tenant. They read it with a lock that lasts as long as the transaction. To freeze a
// tenant is to change its row: that waits for the transactions of this tenant that have written,
// and for no others, and from then on whoever writes for it reads the change, however
// old the snapshot of his transaction.
//
// In a database of the tenant's own, where nobody else could wait, triggers are made for the
// move, and are gone with it.

// mysqlLockWait bounds each wait for a lock, in seconds: the least there is.
const mysqlLockWait = 1

// mysqlVariables make sessions read and write values alike, whatever the DSN says.
func mysqlVariables(more ...ddl.Variable) []ddl.Variable {
	return append([]ddl.Variable{
		{Name: "time_zone", Value: "+00:00"}, // in others, one hour a year is there twice
		{Name: "sql_mode", Value: "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"},
		{Name: "lock_wait_timeout", Value: int64(mysqlLockWait)},
		{Name: "innodb_lock_wait_timeout", Value: int64(mysqlLockWait)},
	}, more...)
}

func mysqlReads(ctx context.Context, db *sql.DB, fn func(tx gorm.ConnPool) error) error {
	return ddl.Session{Variables: mysqlVariables(), Options: &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}}.Run(ctx, db, fn)
}

// mysqlWrites locks rows and no gaps between them, in which others may write.
func mysqlWrites(ctx context.Context, db *sql.DB, fn func(tx gorm.ConnPool) error) error {
	return mysqlPatiently(ctx, db, ddl.Session{Variables: mysqlVariables(), Options: &sql.TxOptions{Isolation: sql.LevelReadCommitted}}, fn)
}

func mysqlWritesLoosely(ctx context.Context, db *sql.DB, fn func(tx gorm.ConnPool) error) error {
	off := ddl.Variable{Name: "foreign_key_checks", Value: int64(0)}
	return mysqlPatiently(ctx, db, ddl.Session{Variables: mysqlVariables(off), Options: &sql.TxOptions{Isolation: sql.LevelReadCommitted}}, fn)
}

// mysqlPatiently runs fn again as long as it meets locks. fn may have been run before.
func mysqlPatiently(ctx context.Context, db *sql.DB, session ddl.Session, fn func(tx gorm.ConnPool) error) error {
	return patiently(ctx, mysqlLocked, func() error { return session.Run(ctx, db, fn) })
}

// mysqlLocked recognises that a lock was not to be had, or that a deadlock was resolved.
func mysqlLocked(err error) bool { return ddl.MySQLError(err, 1205, 1213) }

// mysqlAlone runs fn, which changes structures, while no other move does in the database. What
// the server still does for a move that was killed is waited for.
func (s *side) mysqlAlone(ctx context.Context, fn func(tx gorm.ConnPool) error) error {
	db, release, err := s.in.Acquire(ctx, s.binding)
	if err != nil {
		return err
	}
	defer release()
	return mysqlPatiently(ctx, db, mysqlStructures, fn)
}

var mysqlStructures = ddl.Session{Variables: mysqlVariables(), Lock: "freeze"}

func mysqlFreeze(ctx context.Context, s *side, logical string) error {
	if err := s.mysqlAlone(ctx, func(tx gorm.ConnPool) error { return s.mysqlTriggers(ctx, tx, logical) }); err != nil {
		return err
	}
	if !s.common() {
		return nil
	}
	return s.write(ctx, func(tx gorm.ConnPool) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO "+freeze.Tenants+" (tenant_id, frozen) VALUES (?, 1) ON DUPLICATE KEY UPDATE frozen = 1", s.tenant.ID)
		return err
	})
}

// mysqlTriggers makes the triggers of a table that are not there.
func (s *side) mysqlTriggers(ctx context.Context, tx gorm.ConnPool, logical string) error {
	f := s.frozen(logical)
	if s.common() {
		f.Tenant = "" // they are everybody's
		if err := s.mysqlTenants(ctx, tx); err != nil {
			return err
		}
	}
	there, err := scanNames(tx.QueryContext(ctx, "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND event_object_table = ?", s.binding.Names.Table(logical)))
	if err != nil {
		return err
	}
	for i, statement := range f.MySQL() {
		if slices.Contains(there, f.Names()[i]) {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return mysqlForbidden(err)
		}
	}
	return nil
}

// freezing is what the triggers of common tables look at: a row for each tenant.
type freezing struct {
	TenantID string `gorm:"primaryKey;size:255"`
	Frozen   bool   `gorm:"not null;default:false"`
}

// TableName is reserved by the module: no tenant's name begins so.
func (freezing) TableName() string { return freeze.Tenants }

func (s *side) mysqlTenants(ctx context.Context, tx gorm.ConnPool) error {
	db, err := s.in.Plain(ctx, tx)
	if err != nil || db.Migrator().HasTable(&freezing{}) {
		return err
	}
	if err := answers(db); err != nil {
		return err
	}
	return mysqlForbidden(exactly(db).Migrator().CreateTable(&freezing{}))
}

// expectMove makes the triggers of common tables and the tenant's row, so that a move finds
// them. Where it cannot be done now, since the role may not or others have the tables, the
// move does it, or says why it cannot.
func (p *provider) expectMove(ctx context.Context, t tenancy.Tenant) error {
	s, err := p.mysqlCommon(t)
	if err != nil || s == nil {
		return err
	}
	owned, err := p.in.Ordered()
	if err != nil {
		return err
	}
	base, err := p.in.Base()
	if err != nil {
		return err
	}
	err = mysqlStructures.Run(ctx, base, func(tx gorm.ConnPool) error {
		for _, one := range owned {
			if err := s.mysqlTriggers(ctx, tx, one.Table); err != nil {
				return err
			}
		}
		// A row that is there is not changed, and not locked as if it were.
		_, err := tx.ExecContext(ctx, "INSERT IGNORE INTO "+freeze.Tenants+" (tenant_id) VALUES (?)", t.ID)
		return err
	})
	if mysqlLocked(err) || mysqlUnable(err) {
		return nil
	}
	return err
}

// forgetFreeze removes the row of a tenant that was destroyed.
func (p *provider) forgetFreeze(ctx context.Context, t tenancy.Tenant) error {
	s, err := p.mysqlCommon(t)
	if err != nil || s == nil {
		return err
	}
	err = s.write(ctx, func(tx gorm.ConnPool) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM "+freeze.Tenants+" WHERE tenant_id = ?", t.ID)
		return err
	})
	if ddl.MySQLError(err, 1146) {
		return nil
	}
	return err
}

// mysqlCommon is the side of a tenant in common tables of MySQL, and nil elsewhere.
func (p *provider) mysqlCommon(t tenancy.Tenant) (*side, error) {
	if p.in.Dialect() != "mysql" {
		return nil, nil //nolint:nilnil // there is none
	}
	at, err := p.of(t)
	if err != nil {
		return nil, err
	}
	s, err := p.side(t, at.name)
	if err != nil || !s.common() {
		return nil, err
	}
	return s, nil
}

func mysqlThaw(ctx context.Context, s *side, logical string) error {
	if s.common() {
		return s.write(ctx, func(tx gorm.ConnPool) error { return s.mysqlMark(ctx, tx, false) })
	}
	return s.mysqlAlone(ctx, func(tx gorm.ConnPool) error { return execAll(ctx, tx, s.frozen(logical).ThawMySQL()) })
}

// mysqlMark says whether the tenant is frozen, where anybody ever was.
func (s *side) mysqlMark(ctx context.Context, tx gorm.ConnPool, frozen bool) error {
	_, err := tx.ExecContext(ctx, "UPDATE "+freeze.Tenants+" SET frozen = ? WHERE tenant_id = ?", frozen, s.tenant.ID)
	if ddl.MySQLError(err, 1146) {
		return nil
	}
	return err
}

func mysqlClear(ctx context.Context, s *side, owned []*table) error {
	if err := mysqlEmpty(ctx, s, owned); err != nil {
		return err
	}
	return s.write(ctx, func(tx gorm.ConnPool) error { return s.mysqlMark(ctx, tx, false) })
}

// mysqlEmpty removes rows by their keys, a batch in each transaction: rows that are looked
// for stay locked together with those of others around them.
func mysqlEmpty(ctx context.Context, s *side, tables []*table) error {
	for _, t := range tables {
		for _, c := range t.late {
			if err := s.mysqlEachBatch(ctx, t, "UPDATE "+s.table(t.logical)+" SET "+s.language.quote(c.name)+" = NULL"); err != nil {
				return err
			}
		}
	}
	for _, t := range slices.Backward(tables) {
		if err := s.mysqlEachBatch(ctx, t, "DELETE FROM "+s.table(t.logical)); err != nil {
			return err
		}
	}
	return nil
}

// mysqlEachBatch runs a statement for all of the tenant's rows of a table.
func (s *side) mysqlEachBatch(ctx context.Context, t *table, statement string) error {
	keyed := table{logical: t.logical, columns: t.key, key: t.key}
	if len(t.key) == 0 || t.unkeyed {
		where, args := s.where(nil)
		return s.mysqlThawed(ctx, statement+where, args)
	}
	return s.scan(ctx, &keyed, defaultBatch, target, func(rows batch) error {
		var args []any
		keys := make([]string, len(rows))
		for i, row := range rows {
			parts := make([]string, len(t.key))
			for j, c := range t.key {
				args = append(args, row[j])
				parts[j] = s.language.quote(c.name) + " = " + s.language.parameter(len(args), c.to)
			}
			keys[i] = strings.Join(parts, " AND ")
		}
		where, args := s.where(args, "("+strings.Join(keys, " OR ")+")")
		return s.mysqlThawed(ctx, statement+where, args)
	})
}

// mysqlThawed runs a statement on rows that may be frozen for all others: nobody else sees
// that they are not for the length of it.
func (s *side) mysqlThawed(ctx context.Context, statement string, args []any) error {
	return s.write(ctx, func(tx gorm.ConnPool) error {
		var frozen bool
		if s.common() {
			err := tx.QueryRowContext(ctx, "SELECT coalesce(max(frozen), 0) FROM "+freeze.Tenants+" WHERE tenant_id = ? FOR UPDATE", s.tenant.ID).Scan(&frozen)
			if err != nil && !ddl.MySQLError(err, 1146) {
				return err
			}
		}
		if frozen {
			if err := s.mysqlMark(ctx, tx, false); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
		if frozen {
			return s.mysqlMark(ctx, tx, true)
		}
		return nil
	})
}

// mysqlFollow makes a column count on from last. The counter is no part of transactions: it
// stays ahead when the row is gone again (https://dev.mysql.com/doc/refman/8.4/en/innodb-auto-increment-handling.html).
func mysqlFollow(ctx context.Context, m *mover, t *table, c moved, last any) error {
	var counts bool
	err := m.to.read(ctx, func(pool gorm.ConnPool) error {
		return pool.QueryRowContext(ctx, "SELECT count(*) > 0 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ? AND extra LIKE '%auto_increment%'",
			m.to.binding.Names.Table(t.logical), c.name).Scan(&counts)
	})
	if err != nil || !counts {
		return err
	}
	only := *t
	only.key = []moved{c}
	return m.from.scanFrom(ctx, &only, last, func(row []any) error {
		err := m.to.try(ctx, func(tx gorm.ConnPool) error { return m.to.insert(ctx, tx, t, batch{row}) })
		if err != nil && uniqueViolation(err) {
			return nil // so it has counted that far, or the key is taken, and checkKeys says so
		}
		return err
	})
}

// scanFrom reads the row with a key.
func (s *side) scanFrom(ctx context.Context, t *table, key any, fn func(row []any) error) error {
	values := make([]string, len(t.columns))
	for i, c := range t.columns {
		values[i] = s.language.value(s.language.quote(c.name), c.from)
	}
	where, args := s.where([]any{key}, s.language.quote(t.key[0].name)+" = "+s.language.parameter(1, t.key[0].from))
	var found []any
	err := s.read(ctx, func(pool gorm.ConnPool) error {
		return s.query(ctx, pool, t, source, "SELECT "+strings.Join(values, ", ")+" FROM "+s.table(t.logical)+where+" LIMIT 1", args, func(row []any) error {
			found = row
			return nil
		})
	})
	if err != nil || found == nil {
		return err
	}
	return fn(found)
}
