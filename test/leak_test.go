package test

import (
	"testing"
	"time"
)

// TestFailedReadsLeaveNothingBehind: where a read fails half way, GORM fills the rest of
// the row with what its pools of values happen to hold: what somebody else read before.
func TestFailedReadsLeaveNothingBehind(t *testing.T) {
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
