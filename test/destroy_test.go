package test

import (
	"testing"

	"gorm.io/gorm"
)

// rung refers to its own table by a column that GORM never updates.
type rung struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	AboveID  *int64 `gorm:"<-:create"`
	Above    *rung  `gorm:"foreignKey:TenantID,AboveID;references:TenantID,ID"`
	Removed  gorm.DeletedAt
	Splints  []splint `gorm:"foreignKey:TenantID,RungID;references:TenantID,ID"`
}

// splint belongs to a rung: the database bears none without.
type splint struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	RungID   int64  `gorm:"not null"`
}

// TestDestroyChains: rows that refer to rows of their own table are deleted whichever way they
// point, on servers that look at each row by itself as well, and other tenants' stay.
func TestDestroyChains(t *testing.T) {
	t.Parallel()
	for _, k := range movingKinds {
		t.Run(k.name, func(t *testing.T) {
			s := k.open(t, &rung{}, &splint{})
			s.provision(t, "acme", "globex")
			for _, id := range []string{"acme", "globex"} {
				for n := range int64(4) { // 4, then 3 under 4, …
					must(t, s.as(id).Create(&rung{ID: 4 - n, AboveID: map[bool]*int64{true: pointer(5 - n)}[n > 0]}).Error)
				}
				for n := range int64(4) { // 11, then 12 under 11, …
					must(t, s.as(id).Create(&rung{ID: 11 + n, AboveID: map[bool]*int64{true: pointer(10 + n)}[n > 0]}).Error)
				}
				must(t, s.as(id).Delete(&rung{}, "id = ?", 2).Error)
				must(t, s.as(id).Create(&splint{ID: 1, RungID: 2}).Error)
			}
			theirs := s.stored(t, "globex")
			must(t, s.migrate.Destroy(t.Context(), acme))
			s.provision(t, "acme")
			var left int64
			must(t, s.as("acme").Unscoped().Model(&rung{}).Count(&left).Error)
			if left > 0 {
				t.Errorf("%d rows are left", left)
			}
			same(t, "globex", s.stored(t, "globex"), theirs)
		})
	}
}
