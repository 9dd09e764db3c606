package hybrid

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// batch is some rows of a table, each with the values of its columns as they are stored.
type batch [][]any

// scan reads all rows of a table on a side by batches, in the order of their keys, and asks
// for each batch by the key that the last one ended with. Tables without a key are read by
// position in the order of all columns: rows that are equal in all of them may change places.
func (s *side) scan(ctx context.Context, t *table, size int, kind func(moved) string, fn func(batch) error) error {
	if t.unkeyed && s.language.streams {
		return s.stream(ctx, t, size, kind, fn)
	}
	var last []any
	for read := 0; ; {
		var rows batch
		err := s.read(ctx, func(pool gorm.ConnPool) error {
			rows = nil
			query, args := s.selectBatch(t, size, read, last, kind)
			return s.query(ctx, pool, t, kind, query, args, func(row []any) error {
				rows = append(rows, row)
				return nil
			})
		})
		if err != nil {
			return fmt.Errorf("reading %s: %w", t.logical, err)
		}
		if len(rows) > 0 {
			if err := fn(rows); err != nil {
				return err
			}
			last = t.keyOf(rows[len(rows)-1])
		}
		if read += len(rows); len(rows) < size {
			return nil
		}
	}
}

func (s *side) selectBatch(t *table, size, read int, last []any, kind func(moved) string) (string, []any) {
	key := make([]string, len(t.key))
	for i, c := range t.key {
		key[i] = "m." + s.language.quote(c.name) // the bare name would be the value that is selected
		if t.unkeyed {
			key[i] = s.language.value(key[i], kind(c)) // some types have no order of their own
		}
	}
	var args []any
	var after []string
	offset := ""
	switch {
	case read == 0:
	case t.unkeyed:
		offset = fmt.Sprintf(" OFFSET %d", read)
	default:
		bounds := make([]string, len(t.key))
		for i, c := range t.key {
			args = append(args, last[i])
			bounds[i] = s.language.parameter(len(args), kind(c))
		}
		after = append(after, "("+strings.Join(key, ", ")+") > ("+strings.Join(bounds, ", ")+")")
		if s.language.leads && len(key) > 1 {
			args = append(args, last[0])
			after = append(after, key[0]+" >= "+s.language.parameter(len(args), kind(t.key[0])))
		}
	}
	where, args := s.where(args, after...)
	order := ""
	if len(key) > 0 {
		order = " ORDER BY " + strings.Join(key, ", ")
	}
	return fmt.Sprintf("SELECT %s FROM %s AS m%s%s LIMIT %d%s", s.values(t, kind), s.table(t.logical), where, order, size, offset), args
}

// values selects a table's columns as they are stored.
func (s *side) values(t *table, kind func(moved) string) string {
	list := make([]string, len(t.columns))
	for i, c := range t.columns {
		list[i] = s.language.value(s.language.quote(c.name), kind(c))
	}
	return strings.Join(list, ", ")
}

// keyOf is the key of a row.
func (t *table) keyOf(row []any) []any {
	key := make([]any, 0, len(t.key))
	for _, k := range t.key {
		for i, c := range t.columns {
			if c.name == k.name {
				key = append(key, row[i])
			}
		}
	}
	return key
}

// query calls fn with each row of a query of a table's columns.
func (s *side) query(ctx context.Context, pool gorm.ConnPool, t *table, kind func(moved) string, query string, args []any, fn func(row []any) error) error {
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		row, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, c := range t.columns {
			if text, ok := row[i].([]byte); ok && s.language.bytes != nil && !s.language.bytes(kind(c)) {
				row[i] = string(text)
			}
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// stream reads all rows of a table by one query.
func (s *side) stream(ctx context.Context, t *table, size int, kind func(moved) string, fn func(batch) error) error {
	where, args := s.where(nil)
	var rows batch
	return s.read(ctx, func(pool gorm.ConnPool) error {
		err := s.query(ctx, pool, t, kind, "SELECT "+s.values(t, kind)+" FROM "+s.table(t.logical)+where, args, func(row []any) error {
			if rows = append(rows, row); len(rows) < size {
				return nil
			}
			full := rows
			rows = nil
			return fn(full)
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		return fn(rows)
	})
}

func (s *side) count(ctx context.Context, logical string) (n int64, err error) {
	err = s.read(ctx, func(pool gorm.ConnPool) error {
		where, args := s.where(nil)
		return pool.QueryRowContext(ctx, "SELECT count(*) FROM "+s.table(logical)+where, args...).Scan(&n)
	})
	return n, err
}

// insert adds rows, as many in a statement as its parameters allow.
func (s *side) insert(ctx context.Context, tx gorm.ConnPool, t *table, rows batch) error {
	width := len(t.columns)
	if t.stamp {
		width++
	}
	for most := max(1, s.language.parameters/max(1, width)); len(rows) > 0; {
		n := s.fits(rows[:min(most, len(rows))])
		query, args := s.insertStatement(t, rows[:n])
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// fits is how many of some rows one statement may be made of, by their size.
func (s *side) fits(rows batch) int {
	if s.language.size == 0 {
		return len(rows)
	}
	size := 0
	for i, row := range rows {
		for _, value := range row {
			switch v := value.(type) {
			case string:
				size += len(v)
			case []byte:
				size += len(v)
			}
		}
		if i > 0 && size > s.language.size {
			return i
		}
	}
	return len(rows)
}

func (s *side) insertStatement(t *table, rows batch) (string, []any) {
	var query strings.Builder
	query.WriteString("INSERT INTO " + s.table(t.logical) + " (")
	separator := ""
	list := func(text string) {
		query.WriteString(separator + text)
		separator = ", "
	}
	for _, c := range t.columns {
		list(s.language.quote(c.name))
	}
	if t.stamp {
		list(s.language.quote(s.in.Column()))
	}
	query.WriteString(")" + s.language.overriding + " VALUES ")
	var args []any
	for i, row := range rows {
		query.WriteString(map[bool]string{true: "(", false: ", ("}[i == 0])
		separator = ""
		for j, c := range t.columns {
			value := row[j]
			if t.isLate(c) {
				value = nil
			}
			args = append(args, value)
			list(s.language.parameter(len(args), c.to))
		}
		if t.stamp {
			args = append(args, s.tenant.ID)
			list(s.language.parameter(len(args), ""))
		}
		query.WriteString(")")
	}
	return query.String(), args
}

func (t *table) isLate(c moved) bool {
	for _, late := range t.late {
		if late.name == c.name {
			return true
		}
	}
	return false
}

// refer sets the late columns of rows that are there.
func (s *side) refer(ctx context.Context, tx gorm.ConnPool, t *table, rows batch) error {
	for _, row := range rows {
		var set, key []string
		var args []any
		unset := true
		for i, c := range t.columns {
			if t.isLate(c) {
				unset = unset && row[i] == nil
				args = append(args, row[i])
				set = append(set, s.language.quote(c.name)+" = "+s.language.parameter(len(args), c.to))
			}
		}
		if unset {
			continue
		}
		for i, value := range t.keyOf(row) {
			args = append(args, value)
			key = append(key, s.language.quote(t.key[i].name)+" = "+s.language.parameter(len(args), t.key[i].to))
		}
		where, args := s.where(args, key...)
		if _, err := tx.ExecContext(ctx, "UPDATE "+s.table(t.logical)+" SET "+strings.Join(set, ", ")+where, args...); err != nil {
			return err
		}
	}
	return nil
}

// emptyAtOnce removes the tenant's rows from tables in one transaction.
func emptyAtOnce(ctx context.Context, s *side, tables []*table) error {
	return s.write(ctx, func(tx gorm.ConnPool) error { return s.empty(ctx, tx, tables) })
}

// empty removes the tenant's rows from tables, those that refer to others first.
func (s *side) empty(ctx context.Context, tx gorm.ConnPool, tables []*table) error {
	where, args := s.where(nil)
	for _, t := range tables {
		for _, c := range t.late {
			if _, err := tx.ExecContext(ctx, "UPDATE "+s.table(t.logical)+" SET "+s.language.quote(c.name)+" = NULL"+where, args...); err != nil {
				return err
			}
		}
	}
	for _, t := range slices.Backward(tables) {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+s.table(t.logical)+where, args...); err != nil {
			return err
		}
	}
	return nil
}
