package hybrid

import (
	"context"
	"database/sql"
	"slices"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/freeze"
)

// On MySQL and MariaDB a move makes no structures in common tables: whoever makes a trigger
// there waits for all transactions that have used the table, and all others wait behind it.
// So the triggers are there already, since Provision, and look into a table that has a row for
// each tenant that has written: the first to write makes it, and all read it with a lock, which
// lasts as long as the transaction. To freeze a tenant is to change its row: that waits for the
// transactions of this tenant that have written, and for no others, and from then on whoever
// writes for it reads the change, however old the snapshot of his transaction.
//
// In a database of the tenant's own, where nobody else could wait, triggers are made for the
// move, and are gone with it.

// mysqlLockWait bounds each wait for a lock, in seconds: the least there is.
const mysqlLockWait = 1

// mysqlValues make sessions read and write values alike, whatever the DSN says.
func mysqlValues() []ddl.Variable {
	return []ddl.Variable{
		{Name: "time_zone", Value: "+00:00"}, // in others, one hour a year is there twice
		{Name: "sql_mode", Value: "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"},
		{Name: "character_set_client", Value: "utf8mb4"}, // others have no place for all characters
		{Name: "character_set_results", Value: "utf8mb4"},
		{Name: "collation_connection", Value: "utf8mb4_bin"},
	}
}

// mysqlVariables are mysqlValues for sessions that others may have to wait for.
func mysqlVariables(more ...ddl.Variable) []ddl.Variable {
	return slices.Concat(mysqlValues(), []ddl.Variable{
		{Name: "lock_wait_timeout", Value: int64(mysqlLockWait)},
		{Name: "innodb_lock_wait_timeout", Value: int64(mysqlLockWait)},
	}, more)
}

// mysqlReads locks nothing, so nobody has to wait for it.
func mysqlReads(ctx context.Context, db *sql.DB, fn func(tx gorm.ConnPool) error) error {
	return ddl.Session{Variables: mysqlValues(), Options: &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}}.Run(ctx, db, fn)
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
