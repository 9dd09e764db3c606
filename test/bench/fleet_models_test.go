package bench

// columns are ten, and three of them have an index.
type columns struct {
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

func (changed) TableName() string { return "t01" }

type (
	t01 struct{ columns }
	t02 struct{ columns }
	t03 struct{ columns }
	t04 struct{ columns }
	t05 struct{ columns }
	t06 struct{ columns }
	t07 struct{ columns }
	t08 struct{ columns }
	t09 struct{ columns }
	t10 struct{ columns }
	t11 struct{ columns }
	t12 struct{ columns }
	t13 struct{ columns }
	t14 struct{ columns }
	t15 struct{ columns }
	t16 struct{ columns }
	t17 struct{ columns }
	t18 struct{ columns }
	t19 struct{ columns }
	t20 struct{ columns }
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
func twentyChanged() []any { return append([]any{&changed{}}, twenty()[1:]...) }
