package test

import (
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// rlsUUID is a UUID as libraries have it: bytes in Go, text on the way.
type rlsUUID [16]byte

func (u rlsUUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (u rlsUUID) Value() (driver.Value, error) { return u.String(), nil }

func (u *rlsUUID) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a UUID from %T", value)
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err == nil && copy(u[:], raw) != len(u) {
		err = errors.New("not 16 bytes")
	}
	return err
}

func (rlsUUID) GormDataType() string { return "uuid" }

// RLSRow is exported for GORM, which passes over others.
type RLSRow struct {
	ID    int64 `gorm:"primaryKey;autoIncrement:false"`
	Owner string
}

type rlsText struct {
	TenantID string `gorm:"primaryKey;type:text"`
	RLSRow
}

type rlsVarchar struct {
	TenantID string `gorm:"primaryKey;size:12"`
	RLSRow
}

type rlsUUIDText struct {
	TenantID string `gorm:"primaryKey;type:uuid"`
	RLSRow
}

type rlsUUIDType struct {
	TenantID rlsUUID `gorm:"primaryKey;type:uuid"`
	RLSRow
}

type rlsBigint struct {
	TenantID int64 `gorm:"primaryKey;autoIncrement:false"`
	RLSRow
}

// rlsTypes are the types of a tenant column. The IDs in alias are written another way and
// could be read as the first one.
var rlsTypes = []struct {
	table string
	model any
	ids   [2]string
	alias []string
}{
	{"rls_texts", rlsText{}, [2]string{"acme", "o'brien"}, []string{"Acme", "acme "}},
	{"rls_varchars", rlsVarchar{}, [2]string{"acme-limited", "globex"}, []string{"acme-limited-and-more", "acme-limited "}},
	{
		"rls_uuid_texts",
		rlsUUIDText{},
		[2]string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000001"},
		[]string{"6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "6ba7b8109dad11d180b400c04fd430c8", "acme"},
	},
	{
		"rls_uuid_types",
		rlsUUIDType{},
		[2]string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000001"},
		[]string{"6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "acme"},
	},
	{"rls_bigints", rlsBigint{}, [2]string{"42", "7"}, []string{"042", " 42", "+42", "acme", "42.0", "99999999999999999999"}},
}

// rlsCase is one type of column with a handle on its table.
type rlsCase struct {
	*pgSite
	table string
	typ   reflect.Type
}

func (c rlsCase) row(id int64, owner string) any {
	row := reflect.New(c.typ)
	row.Elem().FieldByName("RLSRow").Set(reflect.ValueOf(RLSRow{ID: id, Owner: owner}))
	return row.Interface()
}

func (c rlsCase) model() any { return reflect.New(c.typ).Interface() }

// sees fails unless a tenant sees n rows, all its own, whatever way it asks.
func (c rlsCase) sees(t *testing.T, id string, n int) {
	t.Helper()
	rows := reflect.New(reflect.SliceOf(c.typ))
	must(t, c.as(id).Find(rows.Interface()).Error)
	var owners, raw, plain []string
	for i := range rows.Elem().Len() {
		row := rows.Elem().Index(i)
		owners = append(owners, row.FieldByName("Owner").String())
		if tenant := fmt.Sprint(row.FieldByName("TenantID").Interface()); tenant != id {
			t.Errorf("%s reads a row with the tenant %s", id, tenant)
		}
	}
	must(t, c.as(id).Model(c.model()).Pluck("owner", &plain).Error)
	must(t, c.as(id).Raw("SELECT owner FROM "+c.table).Scan(&raw).Error)
	for _, seen := range [][]string{owners, raw, plain} {
		if len(seen) != n || strings.Count(strings.Join(seen, "|")+"|", id+"|") != n {
			t.Errorf("%s sees %q, want %d rows of its own", id, seen, n)
		}
	}
}

func TestPGRLSColumnTypes(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for _, typed := range rlsTypes {
		t.Run(typed.table, func(t *testing.T) {
			c := rlsCase{typ: reflect.TypeOf(typed.model), table: typed.table}
			c.pgSite = openPG(t, server, pgRLS, pgSetup{models: []any{c.model()}})
			c.provision(t, typed.ids[:]...)
			for _, id := range typed.ids {
				must(t, c.as(id).Create(c.row(1, id)).Error)
				must(t, c.as(id).Exec("INSERT INTO "+c.table+" (id, owner) VALUES (2, ?)", id).Error) // stamped by the default
				must(t, c.as(id).Model(c.model()).Create(map[string]any{"ID": 3, "Owner": id}).Error)
			}
			for _, id := range typed.ids {
				c.sees(t, id, 3)
				must(t, c.migrate.Verify(t.Context(), tenancy.Tenant{ID: id}))
			}
			c.staysInside(t, typed.ids[0], typed.ids[1])
			for _, alias := range typed.alias {
				c.isNobody(t, alias, typed.ids[0])
			}
			must(t, c.migrate.Destroy(t.Context(), tenancy.Tenant{ID: typed.ids[0]}))
			c.sees(t, typed.ids[0], 0)
			same(t, "tenants", server.ask(t, "SELECT DISTINCT tenant_id::text FROM "+c.table), typed.ids[1:])
		})
	}
}

// staysInside lets a tenant do what it can with raw SQL and its own name.
func (c rlsCase) staysInside(t *testing.T, id, other string) {
	t.Helper()
	db := c.as(id)
	for _, change := range []struct {
		text string
		rows int64
	}{
		{"UPDATE " + c.table + " SET owner = owner", 3},
		{"UPDATE " + c.table + " SET owner = owner WHERE tenant_id = '" + strings.ReplaceAll(other, "'", "''") + "'", 0},
		{"UPDATE " + c.table + " SET owner = owner WHERE true OR tenant_id IS NULL", 3},
		{"DELETE FROM " + c.table + " WHERE id = 3", 1},
		{"DELETE FROM " + c.table + " WHERE owner = '" + strings.ReplaceAll(other, "'", "''") + "'", 0},
	} {
		done := db.Exec(change.text)
		if done.Error != nil || done.RowsAffected != change.rows {
			t.Errorf("%s: %d rows, %v, want %d", change.text, done.RowsAffected, done.Error, change.rows)
		}
	}
	c.sees(t, other, 3)
	must(t, db.Exec("INSERT INTO "+c.table+" (id, owner) VALUES (3, ?)", id).Error)
	for _, text := range []string{
		"INSERT INTO " + c.table + " (id, owner, tenant_id) VALUES (9, 'thief', $1)",
		"UPDATE " + c.table + " SET tenant_id = $1",
		"INSERT INTO " + c.table + " (id, owner, tenant_id) VALUES (1, 'thief', $1) ON CONFLICT (tenant_id, id) DO UPDATE SET owner = 'thief'",
	} {
		ctx := tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: id})
		var value any = other
		if c.typ == reflect.TypeFor[rlsBigint]() {
			value = int64(7)
		}
		_, err := tenancy.DBTX(c.db).ExecContext(ctx, text, value)
		wantKind(t, err, tenancy.ErrTenantMismatch)
	}
	wantKind(t, db.Exec("INSERT INTO "+c.table+" (id, owner, tenant_id) VALUES (9, 'nobody', NULL)").Error, tenancy.ErrTenantMismatch)
	if thefts := c.server.ask(t, "SELECT owner FROM "+c.table+" WHERE owner IN ('thief', 'nobody') OR tenant_id IS NULL"); len(thefts) > 0 {
		t.Errorf("there are rows of %q", thefts)
	}
}

// isNobody fails if another way to write an ID reaches that tenant's rows.
func (c rlsCase) isNobody(t *testing.T, alias, id string) {
	t.Helper()
	var raw []string
	if err := c.as(alias).Raw("SELECT owner FROM " + c.table).Scan(&raw).Error; len(raw) > 0 {
		t.Errorf("the tenant %q reads the rows of %q by raw SQL: %v", alias, id, err)
	}
	rows := reflect.New(reflect.SliceOf(c.typ))
	if err := c.as(alias).Find(rows.Interface()).Error; rows.Elem().Len() > 0 {
		t.Errorf("the tenant %q reads the rows of %q: %v", alias, id, err)
	}
	if done := c.as(alias).Exec("UPDATE " + c.table + " SET owner = 'thief'"); done.RowsAffected > 0 {
		t.Errorf("the tenant %q changes the rows of %q by raw SQL", alias, id)
		must(t, c.as(id).Exec("UPDATE "+c.table+" SET owner = ?", id).Error)
	}
	if err := c.as(alias).Exec("INSERT INTO " + c.table + " (id, owner) VALUES (77, 'thief')").Error; err == nil {
		for _, tenant := range c.server.ask(t, "SELECT tenant_id::text FROM "+c.table+" WHERE id = 77 AND tenant_id::text = $1", id) {
			t.Errorf("the tenant %q wrote a row of %q", alias, tenant)
		}
		c.server.run(t, "DELETE FROM "+c.table+" WHERE id = 77")
	}
}

type rlsWide struct {
	TenantID string `gorm:"size:191;index"`
	ID       int64  `gorm:"primaryKey"`
	Body     string
}

// TestPGRLSUsesTheIndex: a policy, and a condition that could tell something, cost no index.
func TestPGRLSUsesTheIndex(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgRLS, pgSetup{models: []any{&rlsWide{}}})
	s.provision(t, "t7")
	server.run(t,
		"INSERT INTO rls_wides (tenant_id, body) SELECT 't' || g % 200, repeat('body ', 20) || g FROM generate_series(1, 20000) g",
		"ANALYZE rls_wides")
	list := func(db *gorm.DB) *gorm.DB { return db.Find(&[]rlsWide{}) }
	for _, asked := range []struct {
		name  string
		query func(db *gorm.DB) *gorm.DB
	}{
		{"list", list},
		{"like", func(db *gorm.DB) *gorm.DB { return list(db.Where("body LIKE ?", "%9%")) }},
		{"or", func(db *gorm.DB) *gorm.DB { return list(db.Where("body LIKE ?", "%9%").Or("lower(body) = ?", "x")) }},
		{"count", func(db *gorm.DB) *gorm.DB { return db.Model(&rlsWide{}).Count(new(int64)) }},
		{"update", func(db *gorm.DB) *gorm.DB {
			return db.Model(&rlsWide{}).Where("body ILIKE ?", "%x%").Update("body", "")
		}},
		{"delete", func(db *gorm.DB) *gorm.DB { return db.Where("body LIKE ?", "%x%").Delete(&rlsWide{}) }},
	} {
		t.Run(asked.name, func(t *testing.T) {
			stmt := asked.query(s.as("t7").Session(&gorm.Session{DryRun: true})).Statement
			ctx := tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "t7"})
			rows, err := tenancy.DBTX(s.db).QueryContext(ctx, "EXPLAIN "+stmt.SQL.String(), stmt.Vars...)
			must(t, err)
			defer func() { _ = rows.Close() }()
			var plan string
			for rows.Next() {
				var line string
				must(t, rows.Scan(&line))
				plan += line + "\n"
			}
			must(t, rows.Err())
			if !strings.Contains(plan, "idx_rls_wides_tenant_id") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s\n%s", stmt.SQL.String(), plan)
			}
		})
	}
}

func TestPGRLSElsewhere(t *testing.T) {
	t.Parallel()
	db, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{})
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	defer func() { _ = pool.Close() }()
	wantKind(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.RLS{}})), tenancy.ErrUnsupportedDialect)
	for _, name := range []string{"tenant", "a.b.c", "app.", ".x", "app.x'y", "app x.y", "app.1 = 1"} {
		server := strategies.RLS{Setting: name}
		if err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: server})); err == nil {
			t.Errorf("the setting %q was taken", name)
		}
	}
}
