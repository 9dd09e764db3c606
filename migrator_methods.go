package tenancy

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// The methods of gorm.Migrator, with the tenant's names, and for shared models where those are.

// on runs fn with the migrator and the argument that a model, or a table's name, is for.
func (m *tenantMigrator) on(dst any, fn func(to *tenantMigrator, dst any) error) error {
	to, dst, err := m.at(dst)
	if err != nil {
		return err
	}
	return fn(to, dst)
}

// has is on for questions; GORM's have no way to say that they could not be asked.
func (m *tenantMigrator) has(dst any, fn func(to *tenantMigrator, dst any) bool) bool {
	to, dst, err := m.at(dst)
	return err == nil && fn(to, dst)
}

// CreateTable makes tables, and what protects them, in one transaction.
func (m *tenantMigrator) CreateTable(dst ...any) error {
	common, own := m.part(dst)
	if len(common) > 0 {
		c, err := m.common()
		if err == nil {
			err = c.Migrator.CreateTable(c.values(common)...)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case len(own) == 0:
		return nil
	case m.err != nil:
		return m.err
	case m.protects() && !m.inTransaction():
		return m.db.Transaction(func(tx *gorm.DB) error { return tx.Migrator().CreateTable(own...) })
	}
	if err := m.Migrator.CreateTable(m.values(own)...); err != nil {
		return err
	}
	return m.guard(m.ownModels(own))
}

// DropTable drops tables.
func (m *tenantMigrator) DropTable(dst ...any) error {
	common, own := m.part(dst)
	switch {
	case len(own) == 0:
	case m.err != nil:
		return m.err
	default:
		if err := m.Migrator.DropTable(m.values(own)...); err != nil {
			return err
		}
	}
	if len(common) == 0 {
		return nil
	}
	c, err := m.common()
	if err != nil {
		return err
	}
	return c.Migrator.DropTable(c.values(common)...)
}

func (m *tenantMigrator) HasTable(dst any) bool {
	return m.has(dst, func(to *tenantMigrator, dst any) bool { return to.Migrator.HasTable(dst) })
}

// RenameTable leaves a table in its schema, so PostgreSQL takes the new name without one.
func (m *tenantMigrator) RenameTable(oldName, newName any) error {
	return m.on(oldName, func(m *tenantMigrator, from any) error {
		to := m.value(newName)
		if m.in.Dialect() != "postgres" {
			return m.Migrator.RenameTable(from, to)
		}
		name, named := to.(string)
		if !named {
			schemas, err := parse(m.physical.db, []any{to})
			if err != nil {
				return err
			}
			name = schemas[0].Table
		}
		return m.Migrator.RenameTable(from, name[strings.LastIndexByte(name, '.')+1:])
	})
}

func (m *tenantMigrator) TableType(dst any) (kind gorm.TableType, err error) {
	err = m.on(dst, func(to *tenantMigrator, dst any) error { kind, err = to.Migrator.TableType(dst); return err })
	return kind, err
}

func (m *tenantMigrator) AddColumn(dst any, field string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error { return to.Migrator.AddColumn(dst, field) })
}

func (m *tenantMigrator) DropColumn(dst any, field string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error { return to.Migrator.DropColumn(dst, field) })
}

func (m *tenantMigrator) AlterColumn(dst any, field string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error { return to.Migrator.AlterColumn(dst, field) })
}

func (m *tenantMigrator) MigrateColumn(dst any, field *schema.Field, columnType gorm.ColumnType) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error { return to.Migrator.MigrateColumn(dst, field, columnType) })
}

func (m *tenantMigrator) MigrateColumnUnique(dst any, field *schema.Field, columnType gorm.ColumnType) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error {
		return to.Migrator.MigrateColumnUnique(dst, field, columnType)
	})
}

func (m *tenantMigrator) HasColumn(dst any, field string) bool {
	return m.has(dst, func(to *tenantMigrator, dst any) bool { return to.Migrator.HasColumn(dst, field) })
}

func (m *tenantMigrator) RenameColumn(dst any, oldName, field string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error { return to.Migrator.RenameColumn(dst, oldName, field) })
}

func (m *tenantMigrator) ColumnTypes(dst any) (types []gorm.ColumnType, err error) {
	err = m.on(dst, func(to *tenantMigrator, dst any) error { types, err = to.Migrator.ColumnTypes(dst); return err })
	return types, err
}

func (m *tenantMigrator) CreateView(name string, option gorm.ViewOption) error {
	if m.err != nil {
		return m.err
	}
	return m.Migrator.CreateView(m.physical.binding.Names.Table(name), option)
}

func (m *tenantMigrator) DropView(name string) error {
	if m.err != nil {
		return m.err
	}
	return m.Migrator.DropView(m.physical.binding.Names.Table(name))
}

func (m *tenantMigrator) CreateConstraint(dst any, name string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error {
		return to.Migrator.CreateConstraint(dst, to.constraint(dst, name))
	})
}

func (m *tenantMigrator) DropConstraint(dst any, name string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error {
		return to.Migrator.DropConstraint(dst, to.constraint(dst, name))
	})
}

func (m *tenantMigrator) HasConstraint(dst any, name string) bool {
	return m.has(dst, func(to *tenantMigrator, dst any) bool {
		return to.Migrator.HasConstraint(dst, to.constraint(dst, name))
	})
}

func (m *tenantMigrator) CreateIndex(dst any, name string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error { return to.Migrator.CreateIndex(dst, to.index(dst, name)) })
}

func (m *tenantMigrator) DropIndex(dst any, name string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error { return to.Migrator.DropIndex(dst, to.index(dst, name)) })
}

func (m *tenantMigrator) HasIndex(dst any, name string) bool {
	return m.has(dst, func(to *tenantMigrator, dst any) bool { return to.Migrator.HasIndex(dst, to.index(dst, name)) })
}

func (m *tenantMigrator) RenameIndex(dst any, oldName, newName string) error {
	return m.on(dst, func(to *tenantMigrator, dst any) error {
		return to.Migrator.RenameIndex(dst, to.index(dst, oldName), to.physical.binding.Names.Prefix+newName)
	})
}

func (m *tenantMigrator) GetIndexes(dst any) (indexes []gorm.Index, err error) {
	err = m.on(dst, func(to *tenantMigrator, dst any) error { indexes, err = to.Migrator.GetIndexes(dst); return err })
	return indexes, err
}
