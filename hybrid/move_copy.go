package hybrid

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// prepare provisions the target and looks at both sides, before anything is refused.
func (m *mover) prepare(ctx context.Context) (err error) {
	m.tell(MoveProgress{Step: stepFreezing})
	if err := m.in.MigrateShared(ctx); err != nil {
		return err
	}
	if err := m.provider.Provision(ctx, m.to.tenant); err != nil {
		return err
	}
	m.tables, err = m.plan(ctx)
	return err
}

// freeze makes the source refuse writes. When it returns, all that were let through are there.
func (m *mover) freeze(ctx context.Context) error {
	return m.each(ctx, m.from.language.freeze, m.from)
}

// each does something to all tables of a side, parents first.
func (m *mover) each(ctx context.Context, do func(context.Context, *side, string) error, s *side) error {
	owned, err := m.in.Ordered()
	if err != nil {
		return err
	}
	for _, one := range owned {
		if err := do(ctx, s, one.Table); err != nil {
			return err
		}
	}
	return nil
}

// copy makes the target's rows those of the source, whatever an earlier run left there.
func (m *mover) copy(ctx context.Context) error {
	if err := m.checkOwners(ctx); err != nil {
		return err
	}
	if err := m.each(ctx, m.to.language.thaw, m.to); err != nil { // it may be a source that was kept
		return err
	}
	if err := m.to.language.empty(ctx, m.to, m.tables); err != nil {
		return err
	}
	if err := m.follow(ctx); err != nil {
		return err
	}
	if err := m.checkKeys(ctx); err != nil {
		return err
	}
	m.report.Tables = nil
	for _, t := range m.tables {
		if err := m.copyTable(ctx, t); err != nil {
			return m.explain(ctx, t, err)
		}
	}
	for _, t := range m.tables {
		if err := m.copyLate(ctx, t); err != nil {
			return m.explain(ctx, t, err)
		}
	}
	return nil
}

// checkOwners refuses rows among the tenant's own that name another: the target would
// take them for the tenant's.
func (m *mover) checkOwners(ctx context.Context) error {
	column := m.in.Column()
	for _, t := range m.tables {
		columns, err := m.from.columnsOf(ctx, t.logical)
		if err != nil {
			return err
		}
		for _, c := range columns {
			if c.name != column || m.from.common() {
				continue
			}
			quoted := m.from.language.quote(column)
			var rows int64
			if err := m.from.read(ctx, func(pool gorm.ConnPool) error {
				return pool.QueryRowContext(ctx, "SELECT count(*) FROM "+m.from.table(t.logical)+" WHERE CAST("+quoted+" AS "+m.from.language.text+") NOT IN ('', '0') AND "+
					quoted+" <> "+m.from.language.parameter(1, c.kind), m.tenant.ID).Scan(&rows)
			}); err != nil {
				return err
			}
			if rows > 0 {
				return &tenancy.Error{Kind: tenancy.ErrTenantMismatch, Detail: fmt.Sprintf("%d rows of %s are in the tenant's own tables and name another tenant; correct their column %q first", rows, t.logical, column)}
			}
		}
	}
	return nil
}

// follow makes sequences go on after the rows to come, before others could be given the
// same keys.
func (m *mover) follow(ctx context.Context) error {
	if m.to.language.follow == nil {
		return nil
	}
	for _, t := range m.tables {
		for _, c := range t.columns {
			if !whole(c.to) {
				continue
			}
			if err := m.followColumn(ctx, t, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// whole reports whether a type is one of whole numbers.
func whole(columnType string) bool {
	switch bareType(columnType) {
	case "bigint", "integer", "int", "mediumint", "smallint", "tinyint":
		return true
	default:
		return false
	}
}

func (m *mover) followColumn(ctx context.Context, t *table, c moved) error {
	var last any
	err := m.from.read(ctx, func(pool gorm.ConnPool) error {
		where, args := m.from.where(nil)
		highest := "max(" + m.from.language.quote(c.name) + ")"
		return pool.QueryRowContext(ctx, "SELECT "+m.from.language.value(highest, c.from)+" FROM "+m.from.table(t.logical)+where, args...).Scan(&last)
	})
	if err != nil || last == nil {
		return err
	}
	return m.to.language.follow(ctx, m, t, c, last)
}

func source(c moved) string { return c.from }

func target(c moved) string { return c.to }

func (m *mover) copyTable(ctx context.Context, t *table) error {
	total, err := m.from.count(ctx, t.logical)
	if err != nil {
		return err
	}
	var sum checksum
	m.tell(MoveProgress{Step: stepCopying, Table: t.logical, Total: total})
	err = m.from.scan(ctx, t, m.batch, source, func(rows batch) error {
		if err := sum.add(rows); err != nil {
			return err
		}
		if err := m.to.write(ctx, func(tx gorm.ConnPool) error { return m.to.insert(ctx, tx, t, rows) }); err != nil {
			return m.clash(ctx, t, rows, err)
		}
		m.tell(MoveProgress{Step: stepCopying, Table: t.logical, Done: sum.rows, Total: total})
		return nil
	})
	if err != nil {
		return err
	}
	if sum.rows != total {
		return &tenancy.Error{Kind: tenancy.ErrDrifted, Detail: fmt.Sprintf("%d rows of %s were read, and there are %d: their key does not tell them apart", sum.rows, t.logical, total)}
	}
	m.report.Tables = append(m.report.Tables, MovedTable{Table: t.logical, Rows: sum.rows, Checksum: sum.String()})
	return nil
}

func (m *mover) copyLate(ctx context.Context, t *table) error {
	if len(t.late) == 0 {
		return nil
	}
	return m.from.scan(ctx, t, m.batch, source, func(rows batch) error {
		return m.to.write(ctx, func(tx gorm.ConnPool) error { return m.to.refer(ctx, tx, t, rows) })
	})
}

// compare reads the target and makes sure that it has the rows of the source.
func (m *mover) compare(ctx context.Context) error {
	for i, t := range m.tables {
		copied := m.report.Tables[i]
		m.tell(MoveProgress{Step: "comparing", Table: t.logical, Total: copied.Rows})
		var sum checksum
		if err := m.to.scan(ctx, t, m.batch, target, func(rows batch) error {
			err := sum.add(rows)
			m.tell(MoveProgress{Step: "comparing", Table: t.logical, Done: sum.rows, Total: copied.Rows})
			return err
		}); err != nil {
			return err
		}
		if sum.rows != copied.Rows || sum.String() != copied.Checksum {
			return &tenancy.Error{Kind: tenancy.ErrDrifted, Detail: fmt.Sprintf("the copy of %s differs: %d rows with the checksum %s, and the source has %d with %s", t.logical, sum.rows, sum.String(), copied.Rows, copied.Checksum)}
		}
	}
	return nil
}

// remove removes a side: the tenant's own structures, or its rows in common tables and then
// what froze them.
func (m *mover) remove(ctx context.Context, s *side) error {
	if !s.common() {
		return s.tier.provider.Destroy(ctx, s.tenant)
	}
	owned, err := m.emptied(ctx, s)
	if err != nil {
		return err
	}
	return s.language.clear(ctx, s, owned)
}

// empty removes the rows of a tenant from a side that keeps its tables.
func (m *mover) empty(ctx context.Context, s *side) error {
	owned, err := m.emptied(ctx, s)
	if err != nil {
		return err
	}
	return s.language.empty(ctx, s, owned)
}

// emptied lists the tables of a side that are there, with as much of a plan as it takes to
// remove rows.
func (m *mover) emptied(ctx context.Context, s *side) ([]*table, error) {
	owned, err := m.in.Ordered()
	if err != nil {
		return nil, err
	}
	late, err := m.late(owned)
	if err != nil {
		return nil, err
	}
	var tables []*table
	for _, one := range owned {
		columns, err := s.columnsOf(ctx, one.Table)
		if errors.Is(err, tenancy.ErrNotProvisioned) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t := &table{logical: one.Table}
		for _, c := range columns {
			t.add(one, moved{c.name, c.kind, c.kind}, slices.Contains(late[one.Table], c.name) && !c.notNull)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// uniqueViolation recognises a key that is there already.
func uniqueViolation(err error) bool {
	return ddl.SQLState(err) == "23505" || strings.Contains(err.Error(), "UNIQUE constraint failed") || ddl.MySQLError(err, 1062)
}

// violation recognises rows that the target does not take.
func violation(err error) bool {
	return strings.HasPrefix(ddl.SQLState(err), "23") || strings.Contains(err.Error(), "constraint failed") ||
		ddl.MySQLError(err, 1062, 1048, 1364, 1452, // key, null, no default, reference
			1264, 1265, 1292, 1366, 1406, 3140, // range, truncated, date, charset, length, JSON
			1644, 3819, 4025) // the application's own trigger, checks of MySQL and MariaDB
}

// clash says which keys of a batch that was refused are taken.
func (m *mover) clash(ctx context.Context, t *table, rows batch, cause error) error {
	if !uniqueViolation(cause) {
		return cause
	}
	const most = 10
	var keys []string
	err := m.to.try(ctx, func(tx gorm.ConnPool) error {
		keys = nil
		for _, row := range rows {
			if err := execAll(ctx, tx, []string{"SAVEPOINT one"}); err != nil {
				return err
			}
			err := m.to.insert(ctx, tx, t, batch{row})
			switch {
			case err == nil:
			case uniqueViolation(err):
				keys = append(keys, t.keyText(row))
			case !violation(err): // a lock, or a connection: tried again, or for another run
				return err
			}
			if err := execAll(ctx, tx, []string{"ROLLBACK TO SAVEPOINT one"}); err != nil {
				return err
			}
			if len(keys) == most {
				break
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(keys) == 0 { // the tenant's own rows are in each other's way, where more is equal
		return m.explain(ctx, t, cause)
	}
	return &tenancy.Error{
		Kind:   tenancy.ErrTenantMismatch,
		Detail: fmt.Sprintf("in %s the tier %q has rows of other tenants under keys that the tenant brings along: %s; give its rows other keys, or let the key begin with the tenant column", t.logical, m.to.tier.name, strings.Join(keys, ", ")),
		Cause:  cause,
	}
}

// keyText is the key of a row for a message.
func (t *table) keyText(row []any) string {
	var parts []string
	for i, value := range t.keyOf(row) {
		parts = append(parts, fmt.Sprintf("%s=%v", t.key[i].name, value))
	}
	return strings.Join(parts, " ")
}

// explain makes an error of rows that the target does not take one that a repetition
// would not mend.
func (m *mover) explain(_ context.Context, t *table, err error) error {
	var known *tenancy.Error
	if errors.As(err, &known) || !violation(err) {
		return err
	}
	return &tenancy.Error{Kind: tenancy.ErrDrifted, Detail: fmt.Sprintf("the tier %q does not take the rows of %s; mend the data, or the models", m.to.tier.name, t.logical), Cause: err}
}
