package routing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"gorm.io/gorm"
)

// Setting is a PostgreSQL setting for the length of a transaction.
type Setting struct{ Name, Value string }

// SetLocalText is the statement that applies n settings to the transaction that it is sent
// in, for as long as that lasts: set_config with true for is_local
// (https://www.postgresql.org/docs/current/functions-admin.html). Its parameters are the
// name and the value of each.
func SetLocalText(n int) string {
	const one = "SELECT set_config($1, $2, true)"
	if n == 1 {
		return one
	}
	var text strings.Builder
	text.WriteString(one)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&text, ", set_config($%d, $%d, true)", 2*i+1, 2*i+2)
	}
	return text.String()
}

// SetLocal is SetLocalText with its parameters.
func SetLocal(settings []Setting) (query string, args []any) {
	args = make([]any, 0, 2*len(settings))
	for _, setting := range settings {
		args = append(args, setting.Name, setting.Value)
	}
	return SetLocalText(len(settings)), args
}

// Settle applies settings to a transaction, for as long as it lasts.
func Settle(ctx context.Context, tx gorm.ConnPool, settings []Setting) error {
	if len(settings) == 0 {
		return nil
	}
	query, args := SetLocal(settings)
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// beginSettled begins a transaction with the settings of target.
func beginSettled(ctx context.Context, pool gorm.ConnPool, target *Target, opts *sql.TxOptions) (transaction, error) {
	tx, err := begin(ctx, pool, opts)
	if err != nil {
		return nil, err
	}
	if err := Settle(ctx, tx, target.Settings); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return tx, nil
}

// execSettled runs one statement in a transaction of its own, or in the one that pool is.
func execSettled(ctx context.Context, pool gorm.ConnPool, target *Target, query string, args []any) (sql.Result, error) {
	if isTransaction(pool) {
		if err := Settle(ctx, pool, target.Settings); err != nil {
			return nil, err
		}
		return pool.ExecContext(ctx, query, args...)
	}
	result, err := execOnce(ctx, pool, target, query, args)
	if !stalePlan(err) {
		return result, err
	}
	conn, back, err := oneConn(ctx, pool)
	if err != nil {
		return nil, err
	}
	defer func() { _ = back.Close() }()
	if result, err = execOnce(ctx, conn, target, query, args); stalePlan(err) {
		result, err = execOnce(ctx, conn, target, query, args)
	}
	return result, err
}

func execOnce(ctx context.Context, pool gorm.ConnPool, target *Target, query string, args []any) (sql.Result, error) {
	tx, err := beginSettled(ctx, pool, target, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // an argument that makes its own value may panic
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return result, tx.Commit()
}

// oneConn returns one connection of pool, and what gives it back. A connection forgets a
// stale plan when it has failed with it, so a second attempt there meets none.
func oneConn(ctx context.Context, pool gorm.ConnPool) (conn *sql.Conn, back io.Closer, err error) {
	if pinned, ok := pool.(*sql.Conn); ok {
		return pinned, kept{}, nil
	}
	own, err := connOf(ctx, pool)
	if err != nil {
		return nil, nil, err
	}
	return own, own, nil
}

// kept is a connection that is not given back: somebody else will.
type kept struct{}

// Close implements io.Closer.
func (kept) Close() error { return nil }

// querySettled runs one query in a transaction of its own, which the caller's rows end.
// A query whose plan was made for tables of another shape is asked again: tables of
// tenants may differ while a fleet is being migrated.
func querySettled(
	ctx context.Context, pool gorm.ConnPool, target *Target, query string, args []any,
) (rows *sql.Rows, finish func(error) error, err error) {
	rows, finish, err = queryOnce(ctx, pool, target, query, args)
	if !stalePlan(err) || isTransaction(pool) {
		return rows, finish, err
	}
	conn, back, err := oneConn(ctx, pool)
	if err != nil {
		return nil, nil, err
	}
	rows, end, err := queryOnce(ctx, conn, target, query, args)
	if stalePlan(err) {
		rows, end, err = queryOnce(ctx, conn, target, query, args)
	}
	if err != nil {
		_ = back.Close()
		return nil, nil, err
	}
	return rows, func(ended error) error { return errors.Join(end(ended), back.Close()) }, nil
}

func queryOnce(ctx context.Context, pool gorm.ConnPool, target *Target, query string, args []any) (*sql.Rows, func(error) error, error) {
	if isTransaction(pool) {
		if err := Settle(ctx, pool, target.Settings); err != nil {
			return nil, nil, err
		}
		rows, err := pool.QueryContext(ctx, query, args...)
		return rows, func(error) error { return nil }, err
	}
	provoke(args)
	tx, err := beginSettled(ctx, pool, target, nil)
	if err != nil {
		return nil, nil, err
	}
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		_ = tx.Rollback()
		return nil, nil, err
	}
	return rows, func(ended error) error {
		if ended != nil || ctx.Err() != nil {
			_ = tx.Rollback()
			return nil //nolint:nilerr // the rows carry the error that ended them
		}
		return tx.Commit()
	}, nil
}

func isTransaction(pool gorm.ConnPool) bool {
	_, ok := pool.(gorm.TxCommitter)
	return ok
}

// stalePlan recognises what a driver meets that remembers a statement by its text:
// "cached plan must not change result type", and the same of descriptions.
func stalePlan(err error) bool {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return false
	}
	switch state.SQLState() {
	case "0A000":
		return strings.Contains(err.Error(), "cached plan")
	case "08P01":
		return strings.Contains(err.Error(), "result formats") // a description that was made for another table
	default:
		return false
	}
}
