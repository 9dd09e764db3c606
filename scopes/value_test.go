package scopes_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/scopes"
)

type named string

// uuid is a type that the database holds as text and Go holds as bytes.
type uuid [4]byte

func (u uuid) Value() (driver.Value, error) { return fmt.Sprintf("%x", u[:]), nil }

func (u *uuid) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("cannot scan %T", value)
	}
	if n, err := fmt.Sscanf(text, "%02x%02x%02x%02x", &u[0], &u[1], &u[2], &u[3]); n != 4 || len(text) != 8 {
		return fmt.Errorf("%q is no uuid: %w", text, err)
	}
	return nil
}

type byNamed struct {
	ID       uint
	TenantID named
}
type byPointer struct {
	ID       uint
	TenantID *string
}
type byNumber struct {
	ID       uint
	TenantID int64
}
type byUUID struct {
	ID       uint
	TenantID uuid `gorm:"type:text"`
}
type byUUIDPointer struct {
	ID       uint
	TenantID *uuid `gorm:"type:text"`
}

// kindOf is a type of tenant column.
type kindOf struct {
	model func() any
	rows  func() any
	ids   [2]string // two tenants
	bad   string    // an ID that the column cannot hold; empty: there is none
	with  func(id string) any
}

func text(s string) *string { return &s }

func parse(s string) uuid {
	var u uuid
	_ = u.Scan(s)
	return u
}

var valueKinds = map[string]kindOf{
	"named string": {
		func() any { return &byNamed{} }, func() any { return &[]byNamed{} },
		[2]string{"acme", "globex"},
		"",
		func(id string) any { return &byNamed{TenantID: named(id)} },
	},
	"pointer": {
		func() any { return &byPointer{} }, func() any { return &[]byPointer{} },
		[2]string{"acme", "globex"},
		"",
		func(id string) any { return &byPointer{TenantID: text(id)} },
	},
	"number": {
		func() any { return &byNumber{} }, func() any { return &[]byNumber{} },
		[2]string{"7", "70"},
		"seven",
		func(id string) any { var n int64; _, _ = fmt.Sscan(id, &n); return &byNumber{TenantID: n} },
	},
	"uuid": {
		func() any { return &byUUID{} }, func() any { return &[]byUUID{} },
		[2]string{"00c0ffee", "deadbeef"},
		"not-a-uuid",
		func(id string) any { return &byUUID{TenantID: parse(id)} },
	},
	"pointer to uuid": {
		func() any { return &byUUIDPointer{} }, func() any { return &[]byUUIDPointer{} },
		[2]string{"00c0ffee", "deadbeef"},
		"not-a-uuid",
		func(id string) any { u := parse(id); return &byUUIDPointer{TenantID: &u} },
	},
}

// TestValueKinds narrows, stamps and refuses by tenant columns of all types.
func TestValueKinds(t *testing.T) {
	for name, k := range valueKinds {
		t.Run(name, func(t *testing.T) {
			db := open(t, k.model())
			for i, id := range k.ids {
				must(t, db.Scopes(scopes.Tenant(id)).Create(k.model()).Error)
				must(t, db.Scopes(scopes.Tenant(id)).Create(k.with(id)).Error)
				err := db.Scopes(scopes.Tenant(id)).Create(k.with(k.ids[1-i])).Error
				if !errors.Is(err, scopes.ErrTenantMismatch) {
					t.Errorf("a row of another tenant: %v", err)
				}
			}
			for i, id := range k.ids {
				var n int64
				must(t, db.Scopes(scopes.Tenant(id)).Model(k.model()).Count(&n).Error)
				if n != 2 {
					t.Errorf("%s sees %d rows", id, n)
				}
				must(t, db.Scopes(scopes.Tenant(id)).Where(k.with(id)).Find(k.rows()).Error)
				err := db.Scopes(scopes.Tenant(id)).Where(k.with(k.ids[1-i])).Find(k.rows()).Error
				if !errors.Is(err, scopes.ErrTenantMismatch) {
					t.Errorf("a condition on another tenant: %v", err)
				}
			}
			must(t, db.Session(&gorm.Session{AllowGlobalUpdate: true}).Scopes(scopes.Tenant(k.ids[0])).Delete(k.model()).Error)
			var n int64
			must(t, db.Model(k.model()).Count(&n).Error)
			if n != 2 {
				t.Errorf("%d rows are left of the other tenant", n)
			}
			if k.bad == "" {
				return
			}
			for _, err := range []error{db.Scopes(scopes.Tenant(k.bad)).Find(k.rows()).Error, db.Scopes(scopes.Tenant(k.bad)).Create(k.model()).Error} {
				if err == nil || !strings.Contains(err.Error(), "cannot hold") {
					t.Errorf("the ID %q: %v", k.bad, err)
				}
			}
		})
	}
}

// TestZeroIsNobody: an ID that the column's type holds as its zero value would be nobody's.
func TestZeroIsNobody(t *testing.T) {
	db := open(t, &byNumber{})
	for _, id := range []string{"0", "00000000", ""} {
		if err := db.Scopes(scopes.Tenant(id)).Create(&byNumber{}).Error; err == nil {
			t.Errorf("the ID %q was stamped", id)
		}
		if err := db.Scopes(scopes.Tenant(id)).Find(&[]byNumber{}).Error; err == nil {
			t.Errorf("the ID %q reads", id)
		}
	}
}

// TestOneValueOneTenant: two IDs that a column cannot tell apart must not both be taken.
func TestOneValueOneTenant(t *testing.T) {
	db := open(t, &byNumber{})
	must(t, db.Scopes(scopes.Tenant("7")).Create(&byNumber{}).Error)
	for _, id := range []string{"07", "+7", "7.0", " 7", "0x7", "7e0"} {
		var n int64
		if err := db.Scopes(scopes.Tenant(id)).Model(&byNumber{}).Count(&n).Error; err == nil && n > 0 {
			t.Errorf("the tenant %q sees a row of the tenant \"7\"", id)
		}
	}
}
