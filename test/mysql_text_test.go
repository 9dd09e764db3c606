package test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// TestMySQLTexts: what MySQL reads in another way than the rest, in parts of statements that
// are written as text, lets nobody out of his rows. The second tenant has the column's name,
// which MySQL takes for a text where it stands in double quotes.
func TestMySQLTexts(t *testing.T) {
	t.Parallel()
	s := newMySite(t, "", gorm.Config{})
	must(t, s.as("tenant_id").Create(&myGood{Code: "tenant_id", Name: "tenant_id"}).Error)
	sub := "id IN (SELECT g.id FROM goods g WHERE "
	texts := []string{
		"1 = 1 # ", "1 = 1 -- ", "1 = 1 --", "1 = 1 /*", "1 = 1 /*! OR 1 = 1 */", "1 = 1 /*!50000 ) OR (1 = 1 */", "1 = 1 /*M! ) OR (1 = 1 */",
		`name = '\' OR 1 = 1 -- '`, `name = "\" OR 1 = 1 -- "`, `name = 'a\\' OR 1 = 1`, `name = "a' OR 1 = 1 -- "`, "1 = 0 || 1 = 1", "1 = 0 OR 1 = 1", "1 = 0 XOR 1 = 1",
		"1 = 1) OR (1 = 1", "1 = 1) # OR (", "1 = 1) UNION SELECT * FROM goods # ", "id IN (TABLE goods)", "id IN (SELECT id FROM goods)", "id IN (SELECT id FROM `goods`)",
		sub + "tenant_id = 'globex')", sub + "g.tenant_id = 'acme' || 1 = 1)", sub + "g.tenant_id = 'acme' XOR 0)", sub + "`tenant_id` = 'acme' OR 1)",
		"EXISTS (SELECT 1 FROM goods g STRAIGHT_JOIN goods h)", "id IN (SELECT id FROM goods PARTITION (p0))", "id = (SELECT @x := max(id) FROM goods)",
		"id IN (SELECT id FROM goods PROCEDURE ANALYSE())", "id IN (SELECT * FROM (SELECT id FROM goods) d)", "id IN (WITH g AS (SELECT id FROM goods) SELECT id FROM g)",
		"LOAD_FILE('/etc/passwd') IS NULL OR 1 = 1", "id IN (SELECT id FROM goods FOR SYSTEM_TIME ALL)", "1 = 1 LIMIT 10 INTO OUTFILE '/tmp/x'",
	}
	// The conditions of a subquery that is to see one row, since each tenant has one.
	bound := []string{
		`"tenant_id" = ?`, `"g"."tenant_id" = ?`, "'tenant_id' = ?", "g.tenant_id = ? || 1 = 1", "g.tenant_id = ? XOR 0", "1 = 1 || g.tenant_id = ?",
		"g.tenant_id = ? OR 1", "NOT g.tenant_id = ?", "! (g.tenant_id = ?)", "g.tenant_id = ? IS NOT NULL", "g.tenant_id = ? <=> 0", "g.tenant_id = ? # )\n",
		"g.tenant_id = ? = 0", "0 = g.tenant_id = ?", "g.tenant_id = ? && 1 || 1", "CASE WHEN g.tenant_id = ? THEN 0 ELSE 1 END", "1 -- g.tenant_id = ?\n", "1 --g.tenant_id = ?",
		"1 /* g.tenant_id = ? */", `name <> '\' AND g.tenant_id = ? AND name <> \''`, "g.id > 0 OR g.tenant_id = ?", "(g.tenant_id = ? OR g.id > 0)", "g.id BETWEEN 0 AND g.tenant_id = ? OR 1",
	}
	for _, id := range []string{"acme", "tenant_id"} {
		db := s.as(id)
		check := func(text string, tx *gorm.DB, read *[]myGood) {
			for _, row := range *read {
				if row.TenantID != id {
					t.Errorf("%s reads %v by %q: %s (%v)", id, row, text, tx.Statement.SQL.String(), tx.Error)
				}
			}
		}
		for _, text := range texts {
			var a, b, c []myGood
			check(text, db.Where(text).Find(&a), &a)
			check(text, db.Where("1 = 0").Or(text).Find(&b), &b)
			check(text, db.Not(text).Find(&c), &c)
			_ = db.Model(&myGood{}).Where(text).Update("stock", 99).Error
			var out []string
			_ = db.Model(&myGood{}).Where("name = ?", "x").Or(text).Pluck("name", &out).Error
			for _, name := range out {
				if name != id {
					t.Errorf("%s plucks %q by %q", id, name, text)
				}
			}
		}
		for _, text := range bound {
			var seen []myGood
			tx := db.Where("(SELECT count(*) FROM goods g WHERE "+text+") > 1", id).Find(&seen)
			if tx.Error == nil && len(seen) > 0 {
				t.Errorf("%s counts the rows of others by %q: %s", id, text, tx.Statement.SQL.String())
			}
		}
		var seen []myGood
		if id != "tenant_id" { // a text that narrows itself is sent
			must(t, db.Where("(SELECT count(*) FROM goods g WHERE g.tenant_id = ?) = 1", id).Find(&seen).Error)
			if len(seen) != 1 {
				t.Errorf("%s sees %v", id, seen)
			}
		}
	}
	for _, row := range s.goods(t) {
		if row.TenantID == "globex" && row.Stock == 99 {
			t.Errorf("changed: %v", row)
		}
	}
	wantKind(t, s.as("acme").Exec("UPDATE goods SET stock = 1 # ").Error, tenancy.ErrRawSQL)
}
