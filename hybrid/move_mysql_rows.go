package hybrid

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/freeze"
)

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
	return m.from.rowOf(ctx, &only, last, func(row []any) error {
		err := m.to.try(ctx, func(tx gorm.ConnPool) error { return m.to.insert(ctx, tx, t, batch{row}) })
		if err != nil && violation(err) {
			return nil // it has counted that far, or the row cannot be copied, and the copy says why
		}
		return err
	})
}

// rowOf calls fn with the row that has a key.
func (s *side) rowOf(ctx context.Context, t *table, key any, fn func(row []any) error) error {
	where, args := s.where([]any{key}, s.language.quote(t.key[0].name)+" = "+s.language.parameter(1, t.key[0].from))
	var found []any
	err := s.read(ctx, func(pool gorm.ConnPool) error {
		return s.query(ctx, pool, t, source, "SELECT "+s.values(t, source)+" FROM "+s.table(t.logical)+where+" LIMIT 1", args, func(row []any) error {
			found = row
			return nil
		})
	})
	if err != nil || found == nil {
		return err
	}
	return fn(found)
}
