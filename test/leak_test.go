package test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// TestFailedReadsLeaveNothingBehind: where a read fails half way, GORM fills the rest of
// the row with what its pools of values happen to hold: what somebody else read before.
func TestFailedReadsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		s.provision(t, "acme", "globex")
		must(t, s.as("acme").Create(&folio{ID: 1, Owner: "acme", Body: "acme's secret"}).Error)
		must(t, s.as("globex").Create(&folio{ID: 1, Owner: "globex", Body: "globex's"}).Error)
		must(t, s.as("globex").Table("folios").Where("id = 1").Update("hits", "not a number").Error)

		for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
			must(t, s.as("acme").Find(&[]folio{}).Error)
			var rows []folio
			var one folio
			err := s.as("globex").Select("hits", "owner", "body", "tenant_id").Find(&rows).Error
			firstErr := s.as("globex").Select("hits", "owner", "body", "tenant_id").First(&one).Error
			if err == nil || firstErr == nil {
				t.Fatal("the broken row was read")
			}
			for _, row := range append(rows, one) {
				if row.Owner == "acme" || row.Body == "acme's secret" || row.TenantID == "acme" {
					t.Fatalf("globex's failed read left acme's values in %+v (with the error %v)", row, err)
				}
			}
		}
	})
}

// panicky is folio with hooks that panic.
type panicky struct {
	TenantID string `gorm:"primaryKey;size:191"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Body     string
	when     string
}

func (panicky) TableName() string { return "folios" }

func (p *panicky) at(moment string) error {
	if p.when == moment {
		panic(errDeliberate)
	}
	return nil
}

func (p *panicky) BeforeCreate(*gorm.DB) error { return p.at("before create") }
func (p *panicky) AfterCreate(*gorm.DB) error  { return p.at("after create") }
func (p *panicky) BeforeUpdate(*gorm.DB) error { return p.at("before update") }
func (p *panicky) AfterUpdate(*gorm.DB) error  { return p.at("after update") }
func (p *panicky) BeforeDelete(*gorm.DB) error { return p.at("before delete") }
func (p *panicky) AfterDelete(*gorm.DB) error  { return p.at("after delete") }
func (p *panicky) AfterFind(*gorm.DB) error    { return p.at("after find") }

// panicking are calls in which a function of the caller's panics.
func panicking(db *gorm.DB) map[string]func() error {
	panics := func(*gorm.DB) error { panic(errDeliberate) }
	calls := map[string]func() error{
		"transaction": func() error {
			return db.Transaction(func(tx *gorm.DB) error {
				if err := tx.Create(&folio{ID: 50}).Error; err != nil {
					return err
				}
				return panics(tx)
			})
		},
		"nested transaction": func() error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Transaction(panics) })
		},
		"connection": func() error { return db.Connection(panics) },
		"used connection": func() error {
			return db.Connection(func(tx *gorm.DB) error {
				if err := tx.First(&folio{}).Error; err != nil {
					return err
				}
				return panics(tx)
			})
		},
		"find in batches": func() error {
			return db.FindInBatches(&[]folio{}, 1, func(*gorm.DB, int) error { panic(errDeliberate) }).Error
		},
		"scope": func() error {
			return db.Scopes(func(*gorm.DB) *gorm.DB { panic(errDeliberate) }).Find(&[]folio{}).Error
		},
	}
	for _, when := range []string{"before create", "after create", "before update", "after update", "before delete", "after delete", "after find"} {
		row := &panicky{TenantID: "acme", ID: 1, when: when}
		calls["hook "+when] = func() error {
			switch {
			case strings.HasSuffix(when, "create"):
				row.ID = 51
				return db.Create(row).Error
			case strings.HasSuffix(when, "update"):
				return db.Model(row).Update("body", "changed").Error
			case strings.HasSuffix(when, "delete"):
				return db.Delete(row).Error
			default:
				return db.First(row).Error
			}
		}
	}
	return calls
}

// TestPanicsLeaveNothingBehind: after a panic of the caller's, nothing was written, no
// connection is held and no transaction is open.
func TestPanicsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		s.provision(t, "acme")
		s.fill(t, "acme", 2)
		in, err := tenancy.Installed(s.db)
		must(t, err)
		base, err := in.Base()
		must(t, err)
		for name, call := range panicking(s.as("acme")) {
			t.Run(name, func(t *testing.T) {
				for range 6 { // more than there are connections
					if got := panicOf(call); got != errDeliberate {
						t.Fatalf("it ended with %v", got)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				err := s.db.WithContext(tenancy.WithTenant(ctx, tenancy.Tenant{ID: "acme"})).
					Model(&folio{}).Where("id = 1").Update("hits", gorm.Expr("hits + 1")).Error
				must(t, err)
				if n := base.Stats().InUse; n > 0 {
					t.Errorf("%d connections of the base pool are held", n)
				}
			})
		}
		s.holds(t, "acme", 2)
		var changed int64
		must(t, s.as("acme").Model(&folio{}).Where("body <> ?", "first").Count(&changed).Error)
		if changed > 0 {
			t.Error("a change of a hook that panicked is there")
		}
	})
}

// panicOf runs fn and returns what it panics with, or its error.
func panicOf(fn func() error) (v any) {
	defer func() {
		if r := recover(); r != nil {
			v = r
		}
	}()
	return fn()
}
