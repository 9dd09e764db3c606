package versioned

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gormtenancy/tenancy"
)

// session opens connections of PostgreSQL that are one tenant's from their first moment
// to their last, and nobody else's: the tenant's settings are what a session starts with.
// A setting of a transaction would not do, since some statements run in none (CREATE INDEX
// CONCURRENTLY), and one that is set later would have to be taken back.
func session(config *pgx.ConnConfig, settings []tenancy.Setting, w *watch) *sql.DB {
	config = config.Copy()
	if w.place != nil {
		config.Tracer = w.over(config.Tracer)
	}
	for _, s := range settings {
		config.RuntimeParams[s.Name] = s.Value
	}
	return stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		return attest(ctx, conn, settings)
	}))
}

// attest makes sure that a session has its settings: a pooler in between may have taken
// them for its own.
func attest(ctx context.Context, conn *pgx.Conn, settings []tenancy.Setting) error {
	for _, s := range settings {
		var actual string
		if err := conn.QueryRow(ctx, "SELECT setting FROM pg_settings WHERE name = $1", s.Name).Scan(&actual); err != nil {
			return err
		}
		if actual != s.Value {
			return &tenancy.Error{Kind: tenancy.ErrMigration, Detail: fmt.Sprintf("a new session has %s = %s instead of %s; %s", s.Name, actual, s.Value, direct)}
		}
	}
	return nil
}

const direct = "migrate over a connection to the server itself, not through a pooler"

// pooled says what to do where a pooler refuses a session's settings.
func pooled(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "08P01" {
		return &tenancy.Error{Kind: tenancy.ErrMigration, Detail: direct, Cause: err}
	}
	return err
}

// configOf is how the connections of a pool were made.
func configOf(ctx context.Context, pool *sql.DB) (config *pgx.ConnConfig, err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(raw any) error {
		c, ok := raw.(*stdlib.Conn)
		if !ok {
			return &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: fmt.Sprintf("versioned migrations need the driver pgx on PostgreSQL, and this is %T; open the handle with gorm.io/driver/postgres", raw)}
		}
		config = c.Conn().Config()
		return nil
	})
	return config, err
}

// limits are the settings for how long things may last.
func limits(lock, statement time.Duration) []tenancy.Setting {
	return []tenancy.Setting{
		{Name: "lock_timeout", Value: milliseconds(lock)},
		{Name: "statement_timeout", Value: milliseconds(statement)},
	}
}

func milliseconds(d time.Duration) string {
	if d <= 0 {
		return "0"
	}
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}
