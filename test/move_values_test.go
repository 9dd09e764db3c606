package test

import (
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
)

// specimen has values of every kind, and refers to others of its own.
type specimen struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	ParentID *int64
	Parent   *specimen `gorm:"foreignKey:TenantID,ParentID;references:TenantID,ID"`
	Text     *string
	Blob     []byte
	Real     *float64
	Whole    *int64
	Flag     *bool
	At       *time.Time
	Removed  gorm.DeletedAt
}

// tally has a key that the database counts up.
type tally struct {
	ID       uint
	TenantID string `gorm:"size:64;index"`
	Name     string
}

// line has no key, and may be there twice.
type line struct {
	TenantID string `gorm:"size:64;index"`
	Text     *string
	N        int
}

// badge has the tenant for its key.
type badge struct {
	TenantID string `gorm:"primaryKey;size:64"`
	Text     string
}

func pointer[T any](value T) *T { return &value }

// TestMoveValues: everything arrives as it was stored, whatever stores it; rows that refer to
// later ones of their table do, rows without a key are as many as before, and keys that the
// database makes go on after those that came.
func TestMoveValues(t *testing.T) {
	t.Parallel()
	for _, k := range movingKinds {
		t.Run(k.name, func(t *testing.T) {
			sometimes(t, k.name)
			s := k.open(t, &specimen{}, &tally{}, &line{}, &badge{})
			s.provision(t, "acme", "globex")
			for _, id := range []string{"globex", "acme"} {
				must(t, s.as(id).Create(&badge{Text: id}).Error)
				must(t, s.as(id).Create(&[]line{{N: 1}, {N: 1}, {N: 2, Text: pointer("")}, {N: 1, Text: pointer(id)}, {N: 1}}).Error)
				for n := range int64(12) {
					must(t, s.as(id).Create(&specimen{ID: 12 - n, ParentID: map[bool]*int64{true: pointer(13 - n)}[n > 0]}).Error)
				}
				must(t, s.as(id).Create(&[]tally{{Name: "a"}, {Name: "b"}}).Error)
			}
			moment := time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.FixedZone("", 5*3600+1800))
			must(t, s.as("acme").Model(&specimen{}).Where("id = ?", 3).Updates(&specimen{
				Text: pointer("o'\\ \"\u00e9\u4e16\U0001F600\n"), Blob: []byte{0, 1, 0xff, '\''}, Real: pointer(0.1 + 0.2), Whole: pointer(int64(-1 << 63)), Flag: pointer(false), At: &moment,
			}).Error)
			must(t, s.as("acme").Model(&specimen{}).Where("id = ?", 4).Updates(&specimen{Text: pointer(""), Blob: []byte{}, Real: pointer(-1e308), Flag: pointer(true)}).Error)
			must(t, s.as("acme").Delete(&specimen{}, "id = ?", 5).Error)
			odd := "UPDATE specimens SET at = '2024-02-30 noon', whole = 'seven', text = x'00ff' WHERE id = 6 AND tenant_id = 'acme'"
			switch s.db.Name() {
			case "postgres":
				odd = "UPDATE specimens SET at = 'infinity', \"real\" = 'NaN', whole = 7 WHERE id = 6 AND tenant_id = 'acme'"
			case "mysql":
				odd = "UPDATE specimens SET text = ' Ä\u0000 ', `real` = -0e0, whole = 9007199254740993 WHERE id = 6 AND tenant_id = 'acme'"
			}
			withRaw := tenancy.WithRawSQL(tenancy.WithTenant(t.Context(), acme), "values that GORM would not write")
			must(t, s.db.WithContext(withRaw).Exec(odd).Error)

			before, theirs := s.stored(t, "acme"), s.stored(t, "globex")
			for i, to := range []string{hybrid.TierPremium, hybrid.TierStandard, hybrid.TierPremium} {
				report := s.move(t, to, hybrid.BatchSize(1+3*i))
				same(t, to, s.stored(t, "acme"), before)
				same(t, "globex", s.stored(t, "globex"), theirs)
				for _, table := range report.Tables {
					if want := map[string]int64{"specimens": 12, "tallies": 2, "lines": 5, "badges": 1}[table.Table]; table.Rows != want {
						t.Errorf("%d rows of %s, want %d", table.Rows, table.Table, want)
					}
				}
				next := &tally{Name: "next"}
				must(t, s.as("acme").Create(next).Error)
				must(t, s.as("acme").Delete(next).Error)
				if next.ID <= 4 && !s.apart || next.ID <= 2 {
					t.Errorf("the next key is %d", next.ID)
				}
			}
		})
	}
}

// stored lists the rows of a tenant as the database would write them down.
func (s *site) stored(t testing.TB, id string) []string {
	t.Helper()
	in, err := tenancy.Installed(s.db)
	must(t, err)
	ctx := tenancy.WithRawSQL(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id}), "rows as they are stored")
	var all []string
	for _, model := range in.Models() {
		stmt := &gorm.Statement{DB: s.db}
		must(t, stmt.Parse(model))
		parts := make([]string, len(stmt.Schema.DBNames))
		for i, name := range stmt.Schema.DBNames {
			switch s.db.Name() {
			case "postgres":
				parts[i] = "coalesce(" + stmt.Quote(name) + "::text, 'NULL')"
			case "mysql": // which reads no bytes as a text
				parts[i] = "coalesce(hex(concat(" + stmt.Quote(name) + ")), 'NULL')"
			default:
				parts[i] = "quote(" + stmt.Quote(name) + ")"
			}
		}
		table, err := tenancy.Table(s.db.WithContext(ctx), model)
		must(t, err)
		joined := strings.Join(parts, "||'|'||")
		if s.db.Name() == "mysql" {
			joined = "CONCAT_WS('|', " + strings.Join(parts, ", ") + ")"
		}
		var rows []string
		must(t, s.db.WithContext(ctx).Raw("SELECT "+joined+" FROM "+stmt.Quote(table)+" WHERE tenant_id = ?", id).Scan(&rows).Error)
		for _, row := range rows {
			all = append(all, stmt.Schema.Table+" "+row)
		}
	}
	return all
}
