package bench

import (
	"fmt"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// Columns are ten, and three of them have an index. GORM passes over embedded structs that
// are not exported.
type Columns struct {
	ID uint
	C1 string `gorm:"size:100;index"`
	C2 int    `gorm:"index"`
	C3 string `gorm:"size:50;index"`
	C4 string
	C5 int
	C6 bool `gorm:"not null;default:false"`
	C7 *int
	C8 string `gorm:"size:200"`
	C9 string `gorm:"size:100"`
}

// changed is one of the tables with a column that holds as much as W has bytes: of two fields
// for one column, GORM takes the one that is embedded less deeply.
type changed[W any] struct {
	Columns

	C9 wide[W]
}

func (changed[W]) TableName() string { return "t01" }

type wide[W any] string

// GormDBDataType is how GORM asks for the type of a column.
func (wide[W]) GormDBDataType(*gorm.DB, *schema.Field) string {
	return fmt.Sprintf("varchar(%d)", reflect.TypeFor[W]().Size())
}

type (
	t01 struct{ Columns }
	t02 struct{ Columns }
	t03 struct{ Columns }
	t04 struct{ Columns }
	t05 struct{ Columns }
	t06 struct{ Columns }
	t07 struct{ Columns }
	t08 struct{ Columns }
	t09 struct{ Columns }
	t10 struct{ Columns }
	t11 struct{ Columns }
	t12 struct{ Columns }
	t13 struct{ Columns }
	t14 struct{ Columns }
	t15 struct{ Columns }
	t16 struct{ Columns }
	t17 struct{ Columns }
	t18 struct{ Columns }
	t19 struct{ Columns }
	t20 struct{ Columns }
)

func (t01) TableName() string { return "t01" }
func (t02) TableName() string { return "t02" }
func (t03) TableName() string { return "t03" }
func (t04) TableName() string { return "t04" }
func (t05) TableName() string { return "t05" }
func (t06) TableName() string { return "t06" }
func (t07) TableName() string { return "t07" }
func (t08) TableName() string { return "t08" }
func (t09) TableName() string { return "t09" }
func (t10) TableName() string { return "t10" }
func (t11) TableName() string { return "t11" }
func (t12) TableName() string { return "t12" }
func (t13) TableName() string { return "t13" }
func (t14) TableName() string { return "t14" }
func (t15) TableName() string { return "t15" }
func (t16) TableName() string { return "t16" }
func (t17) TableName() string { return "t17" }
func (t18) TableName() string { return "t18" }
func (t19) TableName() string { return "t19" }
func (t20) TableName() string { return "t20" }

// twenty are the models before the change.
func twenty() []any {
	return []any{
		&t01{}, &t02{}, &t03{}, &t04{}, &t05{},
		&t06{}, &t07{}, &t08{}, &t09{}, &t10{},
		&t11{}, &t12{}, &t13{}, &t14{}, &t15{},
		&t16{}, &t17{}, &t18{}, &t19{}, &t20{},
	}
}

// twentyChanged are the models after it.
func twentyChanged[W any]() []any { return append([]any{&changed[W]{}}, twenty()[1:]...) }

// changes are the models after one change and another.
func changes() [][]any {
	return [][]any{
		twentyChanged[[150]byte](), twentyChanged[[160]byte](), twentyChanged[[170]byte](),
		twentyChanged[[180]byte](), twentyChanged[[190]byte](), twentyChanged[[200]byte](),
	}
}
