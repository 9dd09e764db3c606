package differential

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// run is an operation on one side of the comparison. Both sides draw the same numbers.
type run struct {
	*rand.Rand
	s       *side
	db      *gorm.DB
	log     []string
	refused bool // a text was refused
}

var errMine = errors.New("the caller's own error")

// rec notes what came of a statement.
func (x *run) rec(tx *gorm.DB, values ...any) bool {
	if tx.Error == nil {
		values = append([]any{tx.RowsAffected}, values...)
	}
	return x.note(tx.Error, values...)
}

func (x *run) note(err error, values ...any) bool {
	line := []string{x.class(err)}
	if err != nil {
		values = nil // what came before the error came in any order
	}
	for _, v := range values {
		raw, err := json.Marshal(v)
		var plain any
		if err = cmp.Or(err, json.Unmarshal(raw, &plain)); err != nil {
			line = append(line, err.Error())
		}
		line = append(line, fmt.Sprint(tidy(plain, true)))
	}
	x.log = append(x.log, strings.Join(line, " "))
	return err == nil
}

// tidy sorts rows that hang on others, which come in any order.
func tidy(v any, top bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			v[name] = tidy(value, false)
		}
	case []any:
		for i := range v {
			v[i] = tidy(v[i], false)
		}
		if !top {
			slices.SortFunc(v, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	return v
}

// class names the kind of an error, in which the names of tables are the tenant's.
func (x *run) class(err error) string {
	var own *tenancy.Error
	var state interface{ SQLState() string }
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &own):
		x.refused = x.refused || errors.Is(err, tenancy.ErrRawSQL)
		return own.Kind.Error()
	case errors.As(err, &state):
		return state.SQLState()
	}
	for _, known := range []string{"UNIQUE constraint", "FOREIGN KEY", "failed to assign association"} {
		if strings.Contains(err.Error(), known) {
			return known
		}
	}
	return err.Error()
}

// do runs an operation in one of the ways in which it can be sent.
func (x *run) do(op func(*run), way int) {
	db := x.db
	in := func(tx *gorm.DB, err error) error {
		x.db = tx
		op(x)
		return err
	}
	switch way {
	case 1:
		x.note(db.Transaction(func(tx *gorm.DB) error { return in(tx, nil) }))
	case 2:
		x.note(db.Transaction(func(tx *gorm.DB) error { return in(tx, errMine) }))
	case 3:
		x.note(db.Transaction(func(tx *gorm.DB) error {
			x.note(tx.Transaction(func(tx *gorm.DB) error { return in(tx, errMine) }))
			return in(tx, nil)
		}))
	case 4:
		tx := db.Begin()
		_ = in(tx, nil)
		x.note(tx.Commit().Error)
	case 5:
		_ = in(db.Session(&gorm.Session{PrepareStmt: true, QueryFields: true}), nil)
	case 6:
		_ = in(db.Session(&gorm.Session{SkipDefaultTransaction: true}), nil)
	default:
		_ = in(db, nil)
	}
}

// What operations are about.

// id is the key of a row that there may be, and now and then another tenant's.
func (x *run) id() uint  { return x.own() + uint(x.IntN(12)/11)*1000 }
func (x *run) own() uint { return x.s.base + uint(1+x.IntN(8)) }
func (x *run) new() uint { return x.s.base + uint(20+x.IntN(900)) }
func (x *run) any() uint { return []func() uint{x.own, x.new}[x.IntN(2)]() }

func (x *run) name(kind string) string { return fmt.Sprintf("%s-%s-%d", x.s.id, kind, x.IntN(6)) }

func (x *run) fresh() *gorm.DB { return x.db.Session(&gorm.Session{NewDB: true}) }

// member makes a row, with some that hang on it where it is full.
func (x *run) member(id uint, full bool) member {
	m := member{ID: id, Name: x.name("member"), Age: x.IntN(50), Home: address{City: []string{"", "Oslo", "Rome"}[x.IntN(3)]}}
	if x.IntN(2) == 0 {
		mail := fmt.Sprintf("%s-%d@x", x.s.id, x.IntN(90))
		m.Mail = &mail
	}
	if !full {
		return m
	}
	m.Badge = &badge{ID: x.new(), Number: x.name("badge")}
	m.Club = &club{ID: x.any(), Name: x.name("club"), Meta: map[string]string{"a": x.name("meta")}}
	m.Pets = []pet{{ID: x.new(), Name: x.name("pet")}, {ID: x.new(), Name: x.name("pet")}}
	m.Skills = []skill{{Code: []string{"go", "sql", "c"}[x.IntN(3)], Name: x.name("skill")}}
	m.Teams = []team{{ID: x.any(), Name: x.name("team")}}
	m.Plan = &plan{ID: uint(1 + x.IntN(2))}
	return m
}
