package scopes_test

import (
	"math/big"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy/scopes"
)

// TestFormOf: a type in a tag is known however it is written, and a UUID of Go's, too.
func TestFormOf(t *testing.T) {
	for form, model := range map[scopes.Form]any{
		scopes.Text: &struct {
			A string
			B string `gorm:"type:varchar(40)"`
			C string `gorm:"type:text COLLATE \"C\""`
			D *string
			E string `gorm:"type:interval"`
		}{},
		scopes.Bytes: &struct {
			A []byte
			B []byte `gorm:"type:varchar(40)"`
		}{},
		scopes.UUID: &struct {
			A string `gorm:"type:uuid"`
			B string `gorm:"type:UNIQUEIDENTIFIER NOT NULL"`
			C uuid16
			D *uuid16
		}{},
		scopes.Integer: &struct {
			A string `gorm:"type:int"`
			B string `gorm:"type:BIGINT UNSIGNED"`
			C string `gorm:"type:int(11)"`
			D int64
			E *uint
			F string `gorm:"type:numeric(20)"`
			G uint32 `gorm:"type:oid"`
		}{},
	} {
		s, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
		must(t, err)
		for _, field := range s.Fields {
			if got := scopes.FormOf(field); got != form {
				t.Errorf("%s %s has the form %d, want %d", field.Name, field.DataType, got, form)
			}
		}
	}
}

// FuzzSpellings: whatever a column of a type would read, an ID is taken in one spelling alone.
func FuzzSpellings(f *testing.F) {
	for _, id := range []string{"42", "042", "-7", "-0", "0", "1e3", "9223372036854775807", "9223372036854775808", "12345678-1234-1234-1234-1234567890ab", "12345678-1234-1234-1234-1234567890AB", "１２"} {
		f.Add(id)
	}
	db := open(f, &byDeclaredNumber{}, &byDeclaredUUID{})
	f.Fuzz(func(t *testing.T, id string) {
		if id == "" {
			t.Skip()
		}
		digits := strings.TrimPrefix(id, "-")
		number := strings.Trim(digits, "0123456789") == "" && digits != "" && digits[0] != '0'
		if big, ok := new(big.Int).SetString(id, 10); ok && !big.IsInt64() {
			number = false
		}
		if err := db.Scopes(scopes.Tenant(id)).Find(&[]byDeclaredNumber{}).Error; (err == nil) != number {
			t.Errorf("the integer %q: %v", id, err)
		}
		groups := strings.Split(id, "-")
		uuid := len(groups) == 5 && len(groups[0]) == 8 && len(groups[1]) == 4 && len(groups[2]) == 4 && len(groups[3]) == 4 && len(groups[4]) == 12 &&
			strings.Trim(id, "0123456789abcdef-") == "" && strings.Count(id, "-") == 4
		if err := db.Scopes(scopes.Tenant(id)).Find(&[]byDeclaredUUID{}).Error; (err == nil) != uuid {
			t.Errorf("the UUID %q: %v", id, err)
		}
	})
}

type (
	uuid16           [16]byte
	byDeclaredNumber struct {
		ID       uint
		TenantID string `gorm:"type:bigint"`
	}
	byDeclaredUUID struct {
		ID       uint
		TenantID string `gorm:"type:uuid"`
	}
)
