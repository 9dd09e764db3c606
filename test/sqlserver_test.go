package test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// step is a statement, or several, of a snapshot.
type step struct {
	name string
	run  func(db *gorm.DB) error
}

// msSteps are the ways in which GORM reaches a table.
var msSteps = []step{
	{"find", func(db *gorm.DB) error { return db.Find(&[]msAuthor{}).Error }},
	{"find with OR", func(db *gorm.DB) error {
		return db.Where("title = ?", "a").Or("title = ?", "b").Order("title DESC").Limit(2).Offset(4).Find(&[]msPost{}).Error
	}},
	{"first", func(db *gorm.DB) error { return db.First(&msPost{}, 1).Error }},
	{"count", func(db *gorm.DB) error {
		var n int64
		return db.Model(&msAuthor{}).Where("name <> ?", "").Count(&n).Error
	}},
	{"pluck, group", func(db *gorm.DB) error {
		return db.Model(&msPost{}).Select("author_id").Group("author_id").Having("count(*) > ?", 1).Pluck("author_id", &[]uint{}).Error
	}},
	{"row", func(db *gorm.DB) error { return db.Model(&msAuthor{}).Select("id").Where("id = ?", 1).Row().Err() }},
	{"table with a map", func(db *gorm.DB) error { return db.Table("authors").Find(&[]map[string]any{}).Error }},
	{"table with an alias", func(db *gorm.DB) error {
		return db.Table("authors AS a").Where("a.id > ?", 0).Find(&[]msAuthor{}).Error
	}},
	{"join of a relation", func(db *gorm.DB) error { return db.Joins("Author").Find(&[]msPost{}).Error }},
	{"join of a shared model", func(db *gorm.DB) error { return db.Joins("Plan").Find(&[]msAuthor{}).Error }},
	{"preload", func(db *gorm.DB) error {
		return db.Preload("Posts").Preload("Labels").Preload("Plan").Find(&[]msAuthor{}).Error
	}},
	{"subquery", func(db *gorm.DB) error {
		return db.Where("id IN (?)", db.Model(&msPost{}).Select("author_id").Where("title LIKE ?", "%x%")).Find(&[]msAuthor{}).Error
	}},
	{"unscoped", func(db *gorm.DB) error { return db.Unscoped().Find(&[]msPost{}).Error }},
	{"create", func(db *gorm.DB) error { return db.Create(&msAuthor{Name: "Ann"}).Error }},
	{"create with a key", func(db *gorm.DB) error { return db.Create(&msAuthor{ID: 5, Name: "Ann"}).Error }},
	{"create several", func(db *gorm.DB) error {
		return db.Create(&[]msPost{{Title: "a", AuthorID: 1}, {Title: "b", AuthorID: 1}}).Error
	}},
	{"create from a map", func(db *gorm.DB) error {
		return db.Model(&msPost{}).Create(map[string]any{"title": "m", "author_id": 1}).Error
	}},
	{"create some columns", func(db *gorm.DB) error { return db.Select("Title").Create(&msPost{Title: "s"}).Error }},
	{"create without the tenant", func(db *gorm.DB) error { return db.Omit("TenantID").Create(&msPost{Title: "o"}).Error }},
	{"create with an expression", func(db *gorm.DB) error {
		return db.Model(&msLabel{}).Create(map[string]any{"code": "x", "name": gorm.Expr("UPPER(?)", "x")}).Error
	}},
	{"create with relations", func(db *gorm.DB) error {
		return db.Create(&msAuthor{Name: "Bob", Posts: []msPost{{Title: "p"}}, Labels: []msLabel{{Code: "go", Name: "Go"}}}).Error
	}},
	{"upsert nothing", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&msLabel{Code: "go", Name: "Go"}).Error
	}},
	{"upsert all", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&msPost{ID: 1, Title: "up", AuthorID: 1}).Error
	}},
	{"save", func(db *gorm.DB) error { return db.Save(&msPost{ID: 1, Title: "up", AuthorID: 1}).Error }},
	{"update", func(db *gorm.DB) error {
		return db.Model(&msPost{}).Where("title = 'a' OR title = 'b'").Update("title", "c").Error
	}},
	{"update a row", func(db *gorm.DB) error { return db.Model(&msAuthor{ID: 1}).Updates(msAuthor{Name: "New"}).Error }},
	{"update and return", func(db *gorm.DB) error {
		return db.Model(&msPost{}).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}}}).Where("id = ?", 1).Update("title", "r").Error
	}},
	{"delete softly", func(db *gorm.DB) error { return db.Delete(&msPost{}, 1).Error }},
	{"delete", func(db *gorm.DB) error { return db.Where("name = ?", "x").Delete(&msAuthor{}).Error }},
	{"delete and return", func(db *gorm.DB) error {
		return db.Unscoped().Clauses(clause.Returning{}).Where("id = ?", 1).Delete(&msPost{}).Error
	}},
	{"append", func(db *gorm.DB) error {
		return db.Model(&msAuthor{ID: 1}).Association("Labels").Append(&msLabel{Code: "db", Name: "DB"})
	}},
	{"replace", func(db *gorm.DB) error {
		return db.Model(&msAuthor{ID: 1}).Association("Posts").Replace(&msPost{ID: 2, Title: "two"})
	}},
	{"association count", func(db *gorm.DB) error {
		association := db.Model(&msAuthor{ID: 1}).Association("Labels")
		association.Count()
		return association.Error
	}},
	{"clear", func(db *gorm.DB) error { return db.Model(&msAuthor{ID: 1}).Association("Labels").Clear() }},
	{"a shared model", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&msPlan{Name: "free"}).Error; err != nil {
				return err
			}
			if err := tx.Model(&msPlan{}).Where("id = ?", 1).Update("name", "paid").Error; err != nil {
				return err
			}
			return tx.Delete(&msPlan{}, 1).Error
		})
	}},
	{"nested transactions", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			_ = tx.Transaction(func(inner *gorm.DB) error { return gorm.ErrInvalidData })
			return tx.Transaction(func(inner *gorm.DB) error { return inner.Find(&[]msLabel{}).Error })
		})
	}},
}

// TestSQLServerStatements compares what is sent for a tenant with what was reviewed.
func TestSQLServerStatements(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for _, id := range []string{"acme", "globex"} {
		db, rolls := openTape(t, strategies.Schema{}, msRows(id)...)
		var text strings.Builder
		for _, s := range msSteps {
			rolls.take()
			err := s.run(db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id})))
			if err != nil {
				t.Errorf("%s: %s: %v", id, s.name, err)
			}
			fmt.Fprintf(&text, "-- %s\n", s.name)
			for _, statement := range rolls.take() {
				staysHome(t, id, statement)
				fmt.Fprintln(&text, statement)
			}
			fmt.Fprintln(&text)
		}
		texts[id] = text.String()
	}
	golden(t, "sqlserver/statements.sql", texts["acme"])
	if got := strings.ReplaceAll(texts["globex"], "globex", "acme"); got != texts["acme"] {
		t.Error("the statements of two tenants differ by more than the tenant")
	}
}

// tableNames finds the names that stand where T-SQL expects a table.
var tableNames = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE|IDENTITY_INSERT|CREATE TABLE|ALTER TABLE|DROP TABLE(?: IF EXISTS)?|REFERENCES|INDEX "[^"]*" ON)\s+((?:["\[][^"\]]*["\]]\.?)+|\w+(?:\.\w+)?)`)

// staysHome fails the test when a statement names a table without its schema, or another
// tenant's schema.
func staysHome(t *testing.T, id, statement string) {
	t.Helper()
	text, _, _ := strings.Cut(statement, "\n  -- @p")
	for _, found := range tableNames.FindAllStringSubmatch(text, -1) {
		name := strings.NewReplacer(`"`, "", "[", "", "]", "").Replace(found[1])
		schema, _, _ := strings.Cut(name, ".")
		if strings.HasPrefix(found[1], "[app].") && strings.Contains(text, "[app].sys.") {
			continue // the database's own catalog
		}
		switch schema {
		case "tenant_" + id, "dbo", "sys", "INFORMATION_SCHEMA", "SET": // MERGE … UPDATE SET
		default:
			t.Errorf("%s: %q is not the tenant's, in %s", id, name, text)
		}
	}
	for _, other := range []string{"acme", "globex"} {
		if other != id && strings.Contains(statement, other) {
			t.Errorf("%s: %s is named in %s", id, other, statement)
		}
	}
	for _, owned := range []string{"authors", "posts", "labels", "author_labels"} {
		if strings.Contains(text, `"dbo"."`+owned+`"`) || strings.Contains(text, "[dbo].["+owned+"]") {
			t.Errorf("%s: %s in dbo, in %s", id, owned, text)
		}
	}
}

// golden compares a text with a file in testdata that was reviewed.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got != string(want) {
		t.Errorf("%s differs; look at what -update changes.\n%s", path, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(wants), len(gots)) {
		if wants[i] != gots[i] {
			return fmt.Sprintf("line %d: want %s\n got %s", i+1, wants[i], gots[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(gots), len(wants))
}
