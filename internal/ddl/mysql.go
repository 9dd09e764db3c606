package ddl

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// releaseTimeout bounds the release of a lock. A connection that does not answer is closed,
// and its lock goes with it.
const releaseTimeout = 10 * time.Second

// exclusiveMySQL runs fn in a transaction, under a lock and the limits of ctx.
func exclusiveMySQL(ctx context.Context, conn *sql.Conn, key string, fn func(tx gorm.ConnPool) error) error {
	return lockedMySQL(ctx, conn, key, func() error {
		variables, err := limitsOf(ctx).variables(ctx, conn)
		if err != nil {
			return err
		}
		return withVariables(ctx, conn, variables, func() error { return inTransaction(ctx, conn, fn) })
	})
}

// lockedMySQL runs fn under a named lock of the session, since MySQL commits whenever
// structures change and a lock of the transaction would be gone
// (https://dev.mysql.com/doc/refman/8.4/en/locking-functions.html). Such names are the
// server's, so the name of the database is in them. They may have 64 characters.
func lockedMySQL(ctx context.Context, conn *sql.Conn, key string, fn func() error) error {
	const name = `CONCAT('tenancy:', SHA2(CONCAT_WS(CHAR(0), DATABASE(), ?), 224))`
	w := beginWait(ctx)
	for {
		var got sql.NullBool
		// A short wait each time: a context that ends takes the connection with it. The
		// server counts in seconds.
		const most = 5 * time.Second
		seconds := max(0, int(w.left(most)/time.Second))
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", ?)", key, seconds).Scan(&got); err != nil {
			return err
		}
		if !got.Valid {
			return errors.New("the lock for provisioning was not granted")
		}
		if got.Bool {
			break
		}
		const moment = 20 * time.Millisecond
		if over, err := w.pause(ctx, moment); over {
			return w.held(holderMySQL(ctx, conn, name, key))
		} else if err != nil {
			return err
		}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "DO RELEASE_LOCK("+name+")", key); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	return fn()
}

// Variable is a variable of a session of MySQL, and its value: a string, an int64, a float64 or
// nil.
type Variable struct {
	Name  string
	Value any
}

// literal is the value as SQL: as a parameter it would take another round trip.
func (v Variable) literal() string {
	switch value := v.Value.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	default:
		return fmt.Sprint(value)
	}
}

// Session is how a transaction is run on MySQL.
type Session struct {
	// Variables are set for the length of it, and then have the values that they had.
	Variables []Variable
	// Options are the transaction's. nil: the defaults.
	Options *sql.TxOptions
	// Lock is the key of a lock as that of [Exclusive]. Empty: none.
	Lock string
}

// Run runs fn in a transaction on one connection of db.
func (s Session) Run(ctx context.Context, db *sql.DB, fn func(tx gorm.ConnPool) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := closing(conn); err == nil {
			err = closeErr
		}
	}()
	return withVariables(ctx, conn, s.Variables, func() error {
		transaction := func() error { return withOptions(ctx, conn, s.Options, fn) }
		if s.Lock != "" {
			return lockedMySQL(ctx, conn, s.Lock, transaction)
		}
		return transaction()
	})
}

// withVariables runs fn on a connection whose session has the variables meanwhile.
func withVariables(ctx context.Context, conn *sql.Conn, variables []Variable, fn func() error) error {
	if len(variables) == 0 {
		return fn()
	}
	before, err := set(ctx, conn, variables)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		if assign(ctx, conn, before) != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	return fn()
}

// set sets variables of a session and returns what they were.
func set(ctx context.Context, conn *sql.Conn, variables []Variable) ([]Variable, error) {
	names := make([]string, len(variables))
	before, into := make([]Variable, len(variables)), make([]any, len(variables))
	for i, v := range variables {
		names[i] = "@@SESSION." + v.Name
		before[i].Name = v.Name
		into[i] = &before[i].Value
	}
	if err := conn.QueryRowContext(ctx, "SELECT "+strings.Join(names, ", ")).Scan(into...); err != nil {
		return nil, err
	}
	for i, v := range before {
		if text, ok := v.Value.([]byte); ok {
			before[i].Value = string(text)
		}
	}
	if err := assign(ctx, conn, variables); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // some may be set
		return nil, err
	}
	return before, nil
}

func assign(ctx context.Context, conn *sql.Conn, variables []Variable) error {
	assignments := make([]string, len(variables))
	for i, v := range variables {
		assignments[i] = v.Name + " = " + v.literal()
	}
	_, err := conn.ExecContext(ctx, "SET SESSION "+strings.Join(assignments, ", "))
	return err
}

// MySQLError recognises an error of MySQL or MariaDB by one of some numbers, as the driver
// writes it: with a SQLSTATE, or without where the server has sent none.
func MySQLError(err error, numbers ...int) bool {
	return err != nil && slices.ContainsFunc(numbers, func(number int) bool {
		begins := "Error " + strconv.Itoa(number)
		return strings.Contains(err.Error(), begins+" (") || strings.Contains(err.Error(), begins+":")
	})
}

// holderMySQL says who has a named lock. Without the right to see the sessions of other users
// there is their number alone.
func holderMySQL(ctx context.Context, conn *sql.Conn, name, key string) string {
	var id sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK("+name+")", key).Scan(&id); err != nil || !id.Valid { // gone by now
		return "a session that cannot be told"
	}
	holder := fmt.Sprintf("connection %d of the server", id.Int64)
	var user, host string
	if err := conn.QueryRowContext(ctx, "SELECT user, host FROM information_schema.processlist WHERE id = ?", id.Int64).Scan(&user, &host); err == nil {
		holder += fmt.Sprintf(", user %s at %s", user, host)
	}
	return holder
}
