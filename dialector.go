package tenancy

import (
	"gorm.io/gorm"
)

// dialector is the handle's dialect with migrations that know of tenants.
type dialector struct {
	gorm.Dialector
	in *Installation
}

// Migrator implements gorm.Dialector.
func (d dialector) Migrator(db *gorm.DB) gorm.Migrator { return d.in.migrator(db) }

// SavePoint implements gorm.SavePointerDialectorInterface.
func (d dialector) SavePoint(tx *gorm.DB, name string) error {
	if inner, ok := d.Dialector.(gorm.SavePointerDialectorInterface); ok {
		return inner.SavePoint(tx, name)
	}
	return gorm.ErrUnsupportedDriver
}

// RollbackTo implements gorm.SavePointerDialectorInterface.
func (d dialector) RollbackTo(tx *gorm.DB, name string) error {
	if inner, ok := d.Dialector.(gorm.SavePointerDialectorInterface); ok {
		return inner.RollbackTo(tx, name)
	}
	return gorm.ErrUnsupportedDriver
}

// Translate implements gorm.ErrorTranslator.
func (d dialector) Translate(err error) error {
	if inner, ok := d.Dialector.(gorm.ErrorTranslator); ok {
		return inner.Translate(err)
	}
	return err
}
