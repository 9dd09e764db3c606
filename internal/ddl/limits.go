package ddl

import (
	"context"
	"database/sql"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// Limits bound what is done under the lock of [Exclusive].
type Limits struct {
	// Lock is how long each lock is waited for: that of Exclusive, and on PostgreSQL, MySQL and
	// MariaDB those of tables, which MySQL counts in whole seconds, rounded up. 0: for ever.
	Lock time.Duration
	// Statement is how long a statement may last, on PostgreSQL and MariaDB. 0: for ever.
	Statement time.Duration
}

// Limited makes [Exclusive] keep to limits under the context that it returns, for as long as
// the lock is held. They travel with the context as the limit of [Patient] does, which is
// among them.
func Limited(ctx context.Context, l Limits) context.Context {
	return context.WithValue(Patient(ctx, l.Lock), limitsKey{}, l)
}

type limitsKey struct{}

func limitsOf(ctx context.Context) Limits {
	l, _ := ctx.Value(limitsKey{}).(Limits)
	return l
}

// settings are the limits of a transaction of PostgreSQL.
func (l Limits) settings() []routing.Setting {
	var settings []routing.Setting
	if l.Lock > 0 {
		settings = append(settings, routing.Setting{Name: "lock_timeout", Value: milliseconds(l.Lock)})
	}
	if l.Statement > 0 {
		settings = append(settings, routing.Setting{Name: "statement_timeout", Value: milliseconds(l.Statement)})
	}
	return settings
}

// milliseconds is a limit as PostgreSQL has it, to which 0 is none.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// variables are the limits of a session of MySQL. MariaDB alone has one for statements that
// are no queries.
func (l Limits) variables(ctx context.Context, conn *sql.Conn) ([]Variable, error) {
	var variables []Variable
	if l.Lock > 0 {
		seconds := int64(math.Ceil(l.Lock.Seconds()))
		variables = append(variables, Variable{"lock_wait_timeout", seconds}, Variable{"innodb_lock_wait_timeout", seconds})
	}
	if l.Statement <= 0 {
		return variables, nil
	}
	var version string
	if err := conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, err
	}
	if strings.Contains(version, "MariaDB") {
		variables = append(variables, Variable{"max_statement_time", max(time.Millisecond, l.Statement).Seconds()})
	}
	return variables, nil
}
