package hybrid

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
)

// table is a table that is moved: everything in it but the tenant column, which the target
// stamps, and what the database computes.
type table struct {
	logical string
	columns []moved
	key     []moved // tells the tenant's rows apart
	late    []moved // set when all rows are there: they refer to rows that come later
	stamp   bool    // the target has the tenant column
	unkeyed bool    // no column tells rows apart
	crowded bool    // the target has rows of others that may have the keys of the tenant's
}

// moved is a column on its way.
type moved struct {
	name string
	from string // its type in the source
	to   string // and in the target
}

// plan lists the tables of a move, each after those that it refers to.
func (m *mover) plan(ctx context.Context) ([]*table, error) {
	owned, err := m.in.Ordered()
	if err != nil {
		return nil, err
	}
	for _, s := range []*side{m.from, m.to} {
		if err := s.checkTables(ctx, owned); err != nil {
			return nil, err
		}
	}
	late, err := m.late(owned)
	if err != nil {
		return nil, err
	}
	tables := make([]*table, len(owned))
	for i, s := range owned {
		if tables[i], err = m.planTable(ctx, s, late[s.Table]); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// checkTables refuses tables of the tenant's own that no model is known for: they would be
// lost with the source.
func (s *side) checkTables(ctx context.Context, owned []*schema.Schema) error {
	if s.common() {
		return nil
	}
	var unknown []string
	err := s.read(ctx, func(pool gorm.ConnPool) error {
		all, err := s.language.tables(ctx, pool, s)
		unknown = slices.DeleteFunc(all, func(name string) bool {
			return slices.ContainsFunc(owned, func(known *schema.Schema) bool { return strings.EqualFold(known.Table, name) })
		})
		return err
	})
	if err != nil || len(unknown) == 0 {
		return err
	}
	return &tenancy.Error{Kind: tenancy.ErrDrifted, Detail: fmt.Sprintf("the tier %q has the tables %s, of which no model is known, so they would not be moved; list their models in Config.Models, or remove them", s.tier.name, quotedList(unknown))}
}

// late lists the columns of each table that refer to the table itself, or to one that comes later.
func (m *mover) late(owned []*schema.Schema) (map[string][]string, error) {
	references, err := m.in.References()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, s := range owned {
		at[s.Table] = i
	}
	late := map[string][]string{}
	for _, ref := range references {
		if at[ref.Parent] < at[ref.Table] {
			continue
		}
		for _, pair := range ref.Columns {
			if pair[0] != m.in.Column() && !slices.Contains(late[ref.Table], pair[0]) {
				late[ref.Table] = append(late[ref.Table], pair[0])
			}
		}
	}
	return late, nil
}

func (m *mover) planTable(ctx context.Context, s *schema.Schema, late []string) (*table, error) {
	source, err := m.from.columnsOf(ctx, s.Table)
	if err != nil {
		return nil, err
	}
	target, err := m.to.columnsOf(ctx, s.Table)
	if err != nil {
		return nil, err
	}
	t := &table{logical: s.Table}
	for _, c := range source {
		at := slices.IndexFunc(target, func(other column) bool { return other.name == c.name })
		switch {
		case c.name == m.in.Column():
		case at < 0:
			return nil, &tenancy.Error{Kind: tenancy.ErrDrifted, Detail: fmt.Sprintf("the column %q of %s is in the tier %q alone, so it would be lost; add it to the model, or drop it", c.name, s.Table, m.from.tier.name)}
		case !target[at].generated:
			t.add(s, moved{c.name, c.kind, target[at].kind}, slices.Contains(late, c.name) && !target[at].notNull)
		}
	}
	t.stamp = slices.ContainsFunc(target, func(c column) bool { return c.name == m.in.Column() })
	t.crowded = m.to.common() && crowded(s, m.in.Column())
	if t.unkeyed = len(t.key) == 0; t.unkeyed {
		t.key = t.columns
	}
	return t, nil
}

func (t *table) add(s *schema.Schema, c moved, late bool) {
	t.columns = append(t.columns, c)
	field := s.LookUpField(c.name)
	switch {
	case field != nil && field.PrimaryKey:
		t.key = append(t.key, c)
	case late:
		t.late = append(t.late, c)
	}
}

func (s *side) columnsOf(ctx context.Context, logical string) (found []column, err error) {
	err = s.read(ctx, func(pool gorm.ConnPool) error {
		found, err = s.language.columns(ctx, pool, s, logical)
		return err
	})
	if err == nil && len(found) == 0 {
		err = &tenancy.Error{Kind: tenancy.ErrNotProvisioned, Detail: fmt.Sprintf("the table %s is missing in the tier %q; run migrate.Provision for the tenant as it is now", logical, s.tier.name)}
	}
	return found, err
}
