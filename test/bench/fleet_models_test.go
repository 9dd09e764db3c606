package bench

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

// changed has a column that is longer.
type changed struct {
	ID uint
	C1 string `gorm:"size:100;index"`
	C2 int    `gorm:"index"`
	C3 string `gorm:"size:50;index"`
	C4 string
	C5 int
	C6 bool `gorm:"not null;default:false"`
	C7 *int
	C8 string `gorm:"size:200"`
	C9 string `gorm:"size:150"`
}

// changedAgain has another one, too.
type changedAgain struct {
	ID uint
	C1 string `gorm:"size:100;index"`
	C2 int    `gorm:"index"`
	C3 string `gorm:"size:50;index"`
	C4 string
	C5 int
	C6 bool `gorm:"not null;default:false"`
	C7 *int
	C8 string `gorm:"size:250"`
	C9 string `gorm:"size:150"`
}

func (changed) TableName() string      { return "t01" }
func (changedAgain) TableName() string { return "t01" }

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

// twentyChanged are the models after it, and twentyChangedAgain after another.
func twentyChanged() []any      { return append([]any{&changed{}}, twenty()[1:]...) }
func twentyChangedAgain() []any { return append([]any{&changedAgain{}}, twenty()[1:]...) }
