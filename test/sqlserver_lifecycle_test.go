package test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// msCatalog answers as a server on which the tenant is, or is not.
func msCatalog(id string, there bool) []answer {
	found := int64(0)
	if there {
		found = 1
	}
	answers := []answer{
		rowOf(`^SELECT CAST\(CASE`, "there", there),
		rowOf(`^SELECT count\(\*\) FROM`, "n", found),
		rowOf(`DB_NAME\(\)`, "name", "app"),
		rowOf(`SCHEMA_NAME\(\) AS`, "name", "dbo"),
	}
	if there {
		answers = append(answers, rowOf(`^SELECT \[tenant_id\] FROM`, "tenant_id", id))
		for table, columns := range map[string]string{
			"authors": "id:bigint name:nvarchar plan_id:bigint", "posts": "id:bigint tenant_id:nvarchar author_id:bigint deleted_at:datetimeoffset",
			"labels": "code:nvarchar name:nvarchar", "author_labels": "author_id:bigint label_code:nvarchar", "plans": "id:bigint name:nvarchar",
		} {
			answers = append(answers, columnsOf(table, columns))
		}
	}
	return answers
}

// columnsOf answers for the columns of a table, each twice: another tenant has them, too.
func columnsOf(table, columns string) answer {
	a := answer{regexp.MustCompile(`^SELECT COLUMN_NAME[\s\S]*= ` + table + `\n`), strings.Fields("name type default nullable length precision radix scale datetime identity"), nil}
	for _, column := range strings.Fields(columns + " " + columns) {
		name, kind, _ := strings.Cut(column, ":")
		row := []driver.Value{name, kind, nil, "YES", nil, nil, nil, nil, nil, false}
		if kind == "nvarchar" {
			row[4] = int64(64)
		}
		a.rows = append(a.rows, row)
	}
	return a
}

// TestSQLServerLifecycle compares what provisioning, migrating, verifying and destroying a
// tenant send with what was reviewed.
func TestSQLServerLifecycle(t *testing.T) {
	t.Parallel()
	acme := tenancy.Tenant{ID: "acme"}
	drops := []answer{
		{regexp.MustCompile(`^SELECT 'ALTER TABLE`), []string{"drop"}, [][]driver.Value{{"ALTER TABLE [tenant_acme].[posts] DROP CONSTRAINT [fk_authors_posts]"}}},
		{regexp.MustCompile(`^SELECT 'DROP TABLE`), []string{"drop"}, [][]driver.Value{{"DROP TABLE [tenant_acme].[authors]"}, {"DROP TABLE [tenant_acme].[posts]"}}},
	}
	for _, c := range []struct {
		name    string
		answers []answer
		run     func(db *gorm.DB, m *migrate.Migrator) error
		want    error
	}{
		{"provision", msCatalog("acme", false), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Provision(t.Context(), acme) }, nil},
		{"provision where a column is missing", msCatalog("acme", true), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Provision(t.Context(), acme) }, nil},
		{"provision under a name of another tenant's", msCatalog("globex", true), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Provision(t.Context(), acme) }, tenancy.ErrTenantMismatch},
		{"verify", msCatalog("acme", true), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Verify(t.Context(), acme) }, tenancy.ErrDrifted},
		{"verify what is not there", msCatalog("acme", false), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Verify(t.Context(), acme) }, tenancy.ErrNotProvisioned},
		{"destroy", append(drops, msCatalog("acme", true)...), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Destroy(t.Context(), acme) }, nil},
		{"destroy what others lean on", append([]answer{rowOf("^SELECT 'foreign key", "key", "foreign key [fk]: [dbo].[x] leans on [tenant_acme].[authors]")}, msCatalog("acme", true)...), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Destroy(t.Context(), acme) }, tenancy.ErrDrifted},
		{"destroy what is another tenant's", msCatalog("globex", true), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Destroy(t.Context(), acme) }, tenancy.ErrTenantMismatch},
		{"destroy what is not there", msCatalog("acme", false), func(_ *gorm.DB, m *migrate.Migrator) error { return m.Destroy(t.Context(), acme) }, nil},
		{"migrator", msCatalog("acme", true), func(db *gorm.DB, _ *migrate.Migrator) error {
			m := db.WithContext(tenancy.WithTenant(t.Context(), acme)).Migrator()
			_ = m.HasTable("authors")
			_ = m.HasColumn(&msAuthor{}, "Name")
			_ = m.HasIndex(&msAuthor{}, "Name")
			_ = m.HasTable(&msPlan{})
			for _, err := range []error{
				m.RenameColumn(&msAuthor{}, "Name", "title"), m.RenameTable("authors", "writers"), m.RenameIndex("authors", "a", "b"),
				m.CreateIndex(&msAuthor{}, "Name"), m.DropColumn(&msAuthor{}, "Name"), m.DropTable(&msAuthor{}),
			} {
				if err != nil {
					return err
				}
			}
			_, err := m.GetTables()
			return err
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, rolls := openTape(t, strategies.Schema{}, c.answers...)
			m, err := migrate.New(db)
			must(t, err)
			err = c.run(db, m)
			if c.want == nil {
				must(t, err)
			} else {
				wantKind(t, err, c.want)
			}
			var text strings.Builder
			for _, statement := range rolls.take() {
				staysHome(t, "acme", statement)
				fmt.Fprintln(&text, statement)
			}
			if c.want != nil {
				fmt.Fprintf(&text, "-- %v\n", err)
			}
			goldenSet(t, "sqlserver/"+strings.ReplaceAll(strings.ReplaceAll(c.name, "'", ""), " ", "_")+".sql", text.String())
		})
	}
}

// msOrdered finds the statements whose order is fixed. GORM asks about relations, and writes
// their constraints, in the order of a map.
var msOrdered = regexp.MustCompile(`(?m)^(DECLARE|IF|INSERT|DELETE|DROP|ALTER|COMMIT|ROLLBACK|EXEC).*$`)

// goldenSet is golden for statements in no fixed order.
func goldenSet(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		golden(t, name, got)
	}
	read, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	must(t, err)
	want := string(read)
	same(t, name+": what is sent in order", msOrdered.FindAllString(got, -1), msOrdered.FindAllString(want, -1))
	same(t, name+": all that is sent", parts(got), parts(want))
}

// parts lists the lines of a text, and constraints by themselves, sorted.
func parts(text string) []string {
	lines := strings.Split(strings.ReplaceAll(text, ",CONSTRAINT", "\nCONSTRAINT"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], ")")
	}
	slices.Sort(lines)
	return lines
}

// TestSQLServerTexts: a text that names a table cannot be led to the tenant's.
func TestSQLServerTexts(t *testing.T) {
	t.Parallel()
	db, rolls := openTape(t, strategies.Schema{}, msRows("acme")...)
	acme := db.WithContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "acme"}))
	for name, tx := range map[string]*gorm.DB{
		"raw":                  acme.Raw("SELECT * FROM authors").Scan(&[]msAuthor{}),
		"raw, own schema":      acme.Raw("SELECT * FROM tenant_acme.authors").Scan(&[]msAuthor{}),
		"exec":                 acme.Exec("DELETE FROM posts"),
		"condition":            acme.Where("id IN (SELECT author_id FROM posts)").Find(&[]msAuthor{}),
		"other schema":         acme.Where("id IN (SELECT author_id FROM tenant_globex.posts)").Find(&[]msAuthor{}),
		"other, in brackets":   acme.Where("id IN (SELECT author_id FROM [tenant_globex].[posts])").Find(&[]msAuthor{}),
		"other database":       acme.Where("id IN (SELECT author_id FROM app.tenant_acme.posts)").Find(&[]msAuthor{}),
		"dbo":                  acme.Where("id IN (SELECT author_id FROM dbo.posts)").Find(&[]msAuthor{}),
		"join":                 acme.Joins("JOIN posts ON posts.author_id = authors.id").Find(&[]msAuthor{}),
		"apply":                acme.Joins("CROSS APPLY (SELECT * FROM posts) p").Find(&[]msAuthor{}),
		"table":                acme.Table("tenant_globex.authors").Find(&[]map[string]any{}),
		"table, quoted":        acme.Table(`"tenant_globex"."authors"`).Find(&[]map[string]any{}),
		"table, bracketed":     acme.Table("[tenant_globex].[authors]").Find(&[]map[string]any{}),
		"union":                acme.Where("1 = 1 UNION SELECT * FROM tenant_globex.authors").Find(&[]msAuthor{}),
		"order":                acme.Order("(SELECT 1 FROM tenant_globex.authors)").Find(&[]msAuthor{}),
		"value":                acme.Model(&msAuthor{}).Where("id = ?", 1).Update("name", gorm.Expr("(SELECT max(name) FROM authors)")),
		"created value":        acme.Model(&msLabel{}).Create(map[string]any{"code": "x", "name": gorm.Expr("(SELECT max(name) FROM authors)")}),
		"open rowset":          acme.Where("id IN (SELECT id FROM OPENROWSET('x', 'y', 'z'))").Find(&[]msAuthor{}),
		"second statement":     acme.Where("1 = 1; DELETE FROM posts").Find(&[]msAuthor{}),
		"shared, other's text": acme.Where("id IN (SELECT id FROM authors)").Find(&[]msPlan{}),
	} {
		if !errors.Is(tx.Error, tenancy.ErrRawSQL) {
			t.Errorf("%s: %v", name, tx.Error)
		}
	}
	for _, statement := range rolls.take() {
		if statement != "ROLLBACK" && statement != "COMMIT" {
			t.Errorf("was sent: %s", statement)
		}
	}
	raw := acme.WithContext(tenancy.WithRawSQL(acme.Statement.Context, "reviewed"))
	table, err := tenancy.Table(acme, &msAuthor{})
	must(t, err)
	must(t, raw.Raw("SELECT * FROM "+table).Scan(&[]msAuthor{}).Error)
	if sent := rolls.take(); len(sent) != 1 || sent[0] != "SELECT * FROM tenant_acme.authors" {
		t.Errorf("sent %v", sent)
	}
}
