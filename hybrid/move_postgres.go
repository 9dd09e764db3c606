package hybrid

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/freeze"
)

// postgresFreeze makes the triggers of a table. CREATE TRIGGER waits until no open
// transaction has written to the table, and all writers that come meanwhile wait behind it.
func postgresFreeze(ctx context.Context, s *side, logical string) error {
	return s.briefly(ctx, logical, func(tx gorm.ConnPool) error {
		function, err := s.function(ctx, tx, logical)
		if err != nil {
			return err
		}
		there, err := s.triggered(ctx, tx, logical)
		if err != nil || there {
			return err
		}
		if _, err := tx.ExecContext(ctx, freeze.PostgresFunction(function)); err != nil {
			return err
		}
		return execAll(ctx, tx, s.frozen(logical).Postgres(function))
	})
}

// postgresThaw removes the triggers of a table, and their function with the last of them.
func postgresThaw(ctx context.Context, s *side, logical string) error {
	return s.briefly(ctx, logical, func(tx gorm.ConnPool) error {
		there, err := s.triggered(ctx, tx, logical)
		if err != nil || !there {
			return err
		}
		if err := execAll(ctx, tx, s.frozen(logical).ThawPostgres()); err != nil {
			return err
		}
		function, err := s.function(ctx, tx, logical)
		if err != nil {
			return err
		}
		var used bool
		err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgfoid = to_regprocedure($1::text))", function+"()").Scan(&used)
		if err != nil || used {
			return err
		}
		_, err = tx.ExecContext(ctx, "DROP FUNCTION IF EXISTS "+function+"()")
		return err
	})
}

// postgresClear lets the triggers stand until the rows are gone.
func postgresClear(ctx context.Context, s *side, tables []*table) error {
	if err := emptyAtOnce(ctx, s, tables); err != nil {
		return err
	}
	for _, t := range tables {
		if err := postgresThaw(ctx, s, t.logical); err != nil {
			return err
		}
	}
	return nil
}

// briefly runs fn in a transaction whose statements wait for no lock longer than
// LockTimeout, and tries again until ctx ends: those who come after a waiting lock wait
// behind it. One move at a time makes and removes triggers.
func (s *side) briefly(ctx context.Context, logical string, fn func(tx gorm.ConnPool) error) error {
	locked := func(err error) bool {
		state := ddl.SQLState(err)
		return state == "55P03" || state == "40P01" // the lock was not to be had, or a deadlock was resolved
	}
	err := patiently(ctx, locked, func() error {
		return s.write(ctx, func(tx gorm.ConnPool) error {
			if err := ddl.Lock(ctx, tx, "freeze"); err != nil {
				return err
			}
			timeout := tenancy.Setting{Name: "lock_timeout", Value: strconv.Itoa(int(LockTimeout / time.Millisecond))}
			if err := tenancy.Settle(ctx, tx, tenancy.Binding{Settings: []tenancy.Setting{timeout}}); err != nil {
				return err
			}
			return fn(tx)
		})
	})
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("the table %s: %w", logical, err)
	}
	return err
}

func (s *side) triggered(ctx context.Context, tx gorm.ConnPool, logical string) (there bool, err error) {
	f := s.frozen(logical)
	err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass($1::text) AND tgname = $2)", f.Name, f.Names()[0]).Scan(&there)
	return there, err
}

// function is the name of the triggers' function, beside the table.
func (s *side) function(ctx context.Context, tx gorm.ConnPool, logical string) (string, error) {
	var schema string
	err := tx.QueryRowContext(ctx, "SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1::text)", s.table(logical)).Scan(&schema)
	return s.language.quote(schema) + "." + s.language.quote(freeze.Function), err
}

// postgresFollow makes the sequence of a column, if it has one, go on after last. Only
// forwards: others may have come further.
func postgresFollow(ctx context.Context, m *mover, t *table, c moved, last any) error {
	return m.to.write(ctx, func(tx gorm.ConnPool) error {
		var sequence *string
		if err := tx.QueryRowContext(ctx, "SELECT pg_get_serial_sequence($1, $2)", m.to.table(t.logical), c.name).Scan(&sequence); err != nil || sequence == nil {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf(`
			SELECT setval($1::text::regclass, $2::text::bigint) FROM %s
			WHERE last_value < $2::text::bigint OR last_value = $2::text::bigint AND NOT is_called`, *sequence), *sequence, last)
		return err
	})
}
