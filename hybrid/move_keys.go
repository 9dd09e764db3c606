package hybrid

import (
	"context"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// crowded reports whether a model has a key that rows of two tenants in one table cannot
// both have.
func crowded(s *schema.Schema, column string) bool {
	isTenant := func(f *schema.Field) bool { return f.DBName == column }
	if len(s.PrimaryFields) > 0 && !slices.ContainsFunc(s.PrimaryFields, isTenant) {
		return true
	}
	for _, field := range s.Fields {
		if field.Unique && !isTenant(field) {
			return true
		}
	}
	for _, index := range s.ParseIndexes() {
		if index.Class == "UNIQUE" && !slices.ContainsFunc(index.Fields, func(f schema.IndexOption) bool { return isTenant(f.Field) }) {
			return true
		}
	}
	return false
}

// checkKeys refuses rows under keys that are taken in the target, before any is copied. It
// tries: under row-level security nobody could look.
func (m *mover) checkKeys(ctx context.Context) error {
	for _, t := range m.tables {
		if !t.crowded {
			continue
		}
		total, err := m.from.count(ctx, t.logical)
		if err != nil {
			return err
		}
		done := int64(0)
		oneStatement := max(1, m.to.language.parameters/(len(t.columns)+1))
		size := min(m.batch, oneStatement)
		err = m.from.scan(ctx, t, size, source, func(rows batch) error {
			err := m.to.try(ctx, func(tx gorm.ConnPool) error { return m.to.insert(ctx, tx, t, rows) })
			if err != nil && uniqueViolation(err) {
				return m.clash(ctx, t, rows, err)
			}
			if err != nil && !violation(err) { // what is referred to is not there yet
				return err
			}
			done += int64(len(rows))
			m.tell(MoveProgress{Step: "checking", Table: t.logical, Done: done, Total: total})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
