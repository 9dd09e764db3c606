package test

import (
	"fmt"
	"reflect"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// plank has a column whose Go type says itself what the database's is: a text of as many
// characters as W has bytes.
type plank[W any] struct {
	ID   int64
	Wood measured[W]
}

func (plank[W]) TableName() string { return "planks" }

type measured[W any] string

// GormDBDataType is how GORM asks for the type of a column.
func (measured[W]) GormDBDataType(*gorm.DB, *schema.Field) string {
	return fmt.Sprintf("varchar(%d)", reflect.TypeFor[W]().Size())
}

// TestFleetOwnTypes: models are others when the types that Go types say they have are others, by
// the catalog, by the ledger, and for the guard.
func TestFleetOwnTypes(t *testing.T) {
	t.Parallel()
	for _, k := range ownKinds {
		t.Run(k.name, func(t *testing.T) {
			root := t.TempDir()
			all := numbered(3)
			open := func(model any) *site {
				return openSite(t, k, setup{root: root, tenancy: tenancy.Config{Models: []any{model}, Require: migrate.Current()}})
			}
			open(&plank[[50]byte]{}).up(t, all)
			for _, c := range []struct {
				model   any
				length  int64
				options []migrate.Option
			}{{&plank[[60]byte]{}, 60, nil}, {&plank[[70]byte]{}, 70, []migrate.Option{migrate.Trust()}}} {
				s := open(c.model)
				wantKind(t, s.as("ship001").First(c.model).Error, tenancy.ErrBehind)
				for _, result := range s.up(t, all, c.options...).Results {
					if !result.Changed {
						t.Errorf("%s was not changed to %T", result.Tenant.ID, c.model)
					}
				}
				types, err := s.as("ship002").Migrator().ColumnTypes(c.model)
				must(t, err)
				if length, _ := types[1].Length(); types[1].Name() != "wood" || length != c.length {
					t.Errorf("the column %s is of %d characters, want %d", types[1].Name(), length, c.length)
				}
			}
		})
	}
}
