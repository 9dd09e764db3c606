package test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/test/conformance"
)

// Whose is embedded in embeddedRow.
type Whose struct {
	TenantID string `gorm:"size:64"`
}

type embeddedRow struct {
	ID uint `gorm:"primaryKey"`
	Whose
	Name string
}

type pointerRow struct {
	ID       uint
	TenantID *string
	Name     string
}

type named string

type valuerRow struct {
	ID    uint
	Whose named          `gorm:"column:tenant_id"`
	Name  sql.NullString `gorm:"size:64"`
}

type prefixedRow struct {
	ID    uint
	Inner *Whose `gorm:"embedded"`
	Name  string
}

func TestPoint06TheTenantColumnIsImmutable(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me, other := c.Me(), c.Other()
		where := func() *gorm.DB { return me.Model(&item{}).Where("id = ?", me.ItemIDs[0]) }
		for name, tx := range map[string]*gorm.DB{
			"Update":                  where().Update("tenant_id", other.ID),
			"Update by field":         where().Update("TenantID", other.ID),
			"UpdateColumn":            where().UpdateColumn("tenant_id", other.ID),
			"Updates of a map":        where().Updates(map[string]any{"name": "x", "tenant_id": other.ID}),
			"Updates of a field":      where().Updates(map[string]any{"TenantID": other.ID}),
			"Updates of a struct":     where().Updates(item{TenantID: other.ID}),
			"Select of all":           where().Select("*").Omit("ID").Updates(item{TenantID: other.ID}),
			"Select of the column":    where().Select("tenant_id").Updates(item{TenantID: other.ID}),
			"an expression":           where().Update("tenant_id", gorm.Expr("?", other.ID)),
			"a text":                  where().Update("tenant_id", gorm.Expr("'"+other.ID+"'")),
			"a subquery":              where().Update("tenant_id", me.Model(&item{}).Select("'"+other.ID+"'").Limit(1)),
			"Set":                     where().Clauses(clause.Set{{Column: clause.Column{Name: "tenant_id"}, Value: other.ID}}).Updates(map[string]any{"count": 1}),
			"Table":                   me.Table("items").Where("id = ?", me.ItemIDs[0]).Updates(map[string]any{"tenant_id": other.ID}),
			"quoted":                  where().Updates(map[string]any{"`tenant_id`": other.ID}),
			"in capitals":             where().Updates(map[string]any{"TENANT_ID": other.ID}),
			"qualified":               where().Updates(map[string]any{"items.tenant_id": other.ID}),
			"Save":                    me.Save(&item{ID: me.ItemIDs[0], TenantID: other.ID}),
			"Create":                  me.Create(&item{TenantID: other.ID}),
			"Create a map":            me.Model(&item{}).Create(map[string]any{"tenant_id": other.ID}),
			"Create maps":             me.Model(&item{}).Create([]map[string]any{{"name": "x"}, {"TenantID": other.ID}}),
			"Create in batches":       me.CreateInBatches(&[]item{{Name: "x"}, {TenantID: other.ID}}, 2),
			"Create with an Expr":     me.Model(&item{}).Create(map[string]any{"tenant_id": gorm.Expr("?", other.ID)}),
			"Create by a Table":       me.Table("items").Create(map[string]any{"tenant_id": other.ID}),
			"Create a quoted column":  me.Table("items").Create(map[string]any{"`tenant_id`": other.ID}),
			"Create in capitals":      me.Table("items").Create(map[string]any{"TENANT_ID": other.ID}),
			"upsert":                  me.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"tenant_id": other.ID})}).Create(&item{ID: me.ItemIDs[0], TenantID: other.ID}),
			"FirstOrCreate":           me.Where("id = ?", 999).Attrs(item{TenantID: other.ID}).FirstOrCreate(&item{}),
			"FirstOrCreate, assigned": me.Where("id = ?", me.ItemIDs[0]).Assign(map[string]any{"tenant_id": other.ID}).FirstOrCreate(&item{}),
		} {
			if tx.Error == nil {
				c.Errorf("%s: no error", name)
			}
			if slices.Compact(c.World.Column(c, me, "items", "tenant_id"))[0] != me.ID {
				c.Fatalf("%s: a row has moved", name)
			}
		}
		c.Stored("items", "tenant_id", me.ID, me.ID)
		// To set it to what it is, or to nothing, changes nothing.
		c.OK(where().Select("*").Omit("ID").Updates(item{Name: me.Text("item", 1)}))
		c.OK(where().Updates(map[string]any{"tenant_id": nil, "count": 5}))
		c.OK(where().Updates(map[string]any{"tenant_id": me.ID, "count": 6}))
		c.Stored("items", "tenant_id", me.ID, me.ID)
	})
	t.Run("embedded and pointer fields", func(t *testing.T) {
		t.Parallel()
		for _, s := range sqliteSubjects() {
			t.Run(s.Name, func(t *testing.T) { stampsEveryKindOfField(t, s) })
		}
	})
}

func stampsEveryKindOfField(t *testing.T, s conformance.Subject) {
	t.Helper()
	w := conformance.Open(t, s, gorm.Config{}, tenancy.Config{Models: []any{&embeddedRow{}, &pointerRow{}, &valuerRow{}, &prefixedRow{}}})
	for _, side := range w.Sides() {
		other := side.Other().ID
		for _, row := range []any{
			&embeddedRow{Name: "a"}, &[]embeddedRow{{Name: "b"}}, &pointerRow{Name: "a"}, &[]*pointerRow{{Name: "b"}}, &valuerRow{}, &[]valuerRow{{}},
			&prefixedRow{Name: "a"}, &[]prefixedRow{{Inner: &Whose{}}},
		} {
			if err := side.Create(row).Error; err != nil {
				t.Fatalf("%T: %v", row, err)
			}
		}
		for _, row := range []any{
			&embeddedRow{Whose: Whose{TenantID: other}}, &pointerRow{TenantID: &other}, &valuerRow{Whose: named(other)}, &prefixedRow{Inner: &Whose{TenantID: other}},
		} {
			if err := side.Create(row).Error; !errors.Is(err, tenancy.ErrTenantMismatch) {
				t.Errorf("%T: want %v, got %v", row, tenancy.ErrTenantMismatch, err)
			}
		}
	}
	for _, side := range w.Sides() {
		for _, model := range []any{&embeddedRow{}, &pointerRow{}, &valuerRow{}, &prefixedRow{}} {
			var owners []string
			if err := side.Model(model).Pluck("tenant_id", &owners).Error; err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(owners, []string{side.ID, side.ID}) {
				t.Errorf("%T of %s: %v", model, side.ID, owners)
			}
		}
	}
}

// texts reads a column of texts.
func texts(t *testing.T, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// recorder is a logger that keeps the texts.
type recorder struct {
	logger.Interface
	mu    sync.Mutex
	texts []string
}

func (r *recorder) LogMode(logger.LogLevel) logger.Interface { return r }

func (r *recorder) Trace(_ context.Context, _ time.Time, fc func() (string, int64), _ error) {
	text, _ := fc()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
}

// logical finds a table that is named as the models name it.
var logical = regexp.MustCompile("(FROM|JOIN|INTO|UPDATE) `?(users|orders|tags|user_tags|items|comments|app_settings)\\b")

func TestPoint16PhysicalNames(t *testing.T) {
	point(t, func(c *conformance.Case) {
		me := c.Me()
		log := &recorder{Interface: logger.Discard}
		db := me.Session(&gorm.Session{Logger: log})
		var users []user
		var orders []order
		var loaded user
		c.OK(db.Where("users.name LIKE ?", me.ID+"%").Order("users.id").Find(&users))
		c.Users(users, me.All()...)
		c.OK(db.Joins("User").Where("User.age > ? AND orders.total > ?", -1, -1).Find(&orders))
		c.OK(db.Preload("Orders").Preload("Tags").First(&loaded, "users.id = ?", 1))
		c.OK(db.Where("users.id IN (?)", db.Model(&order{}).Select("orders.user_id")).Find(&users))
		c.OK(db.Save(&tag{ID: 20, Name: me.Text("tag", 20)}))
		c.OK(db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"count": gorm.Expr("items.count + 1")})}).
			Create(&item{ID: me.ItemIDs[0], Name: "x"}))
		c.NoError(db.Model(&loaded).Association("Tags").Append(&tag{ID: 21, Name: me.Text("tag", 21)}))
		c.OK(db.Model(&user{}).Where("users.id = ?", 1).Update("age", gorm.Expr("users.age + 1")))
		c.OK(db.Where("orders.id = ?", 3).Delete(&order{}))
		c.OK(db.Where("comments.id = ?", 3).Delete(&comment{}))
		var setting conformance.Setting
		c.OK(db.First(&setting, "app_settings.code = ?", "theme"))
		for _, text := range log.texts {
			if !strings.Contains(text, "`t_"+me.ID+"__") || strings.Contains(text, "t_"+c.Other().ID+"__") || logical.MatchString(text) {
				c.Errorf("not under the tenant's names: %s", text)
			}
		}
		stmt := &gorm.Statement{DB: c.World.DB}
		c.NoError(stmt.Parse(&user{}))
		c.Equal(stmt.Schema.Table, "users")
		// Each tenant has all tables and indexes, under names that differ by its own only.
		structure := func(s *conformance.Side) []string {
			own := "t_" + s.ID + "__"
			all := texts(c.T, base(c), "SELECT type || ' ' || name || ' ' || sql FROM sqlite_master WHERE instr(sql, ?) > 0 ORDER BY 1", own)
			for i, text := range all {
				all[i] = strings.ReplaceAll(text, own, "TENANT")
				if strings.Contains(all[i], "t_") && strings.Contains(all[i], "__") || !strings.Contains(strings.Fields(all[i])[1], "TENANT") {
					c.Errorf("a name is not the tenant's: %s", text)
				}
				// GORM adds constraints in any order.
				parts := strings.Split(strings.ReplaceAll(all[i], ")", ""), ",")
				slices.Sort(parts[1:])
				all[i] = strings.Join(parts, ",")
			}
			slices.Sort(all)
			return all
		}
		mine := structure(me)
		c.Equal(mine, structure(c.Other()))
		for _, want := range []string{"table TENANTapp_settings", "table TENANTuser_tags", "index TENANTidx_mail", "index TENANTidx_users_name"} {
			if !slices.ContainsFunc(mine, func(text string) bool { return strings.HasPrefix(text, want) }) {
				c.Errorf("there is no %s in %v", want, mine)
			}
		}
		c.Equal(ask(c, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN ('users', 'orders', 'items', 'app_settings')"), "0")
	}, "schema")
	t.Run("logical names elsewhere", func(t *testing.T) {
		point(t, func(c *conformance.Case) {
			text := c.Me().ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]user{}) })
			if !strings.HasPrefix(text, "SELECT * FROM `users`") {
				c.Errorf("not the logical name: %s", text)
			}
		}, "database", "shared")
	})
}

func TestPoint17FirstUseByManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, s := range sqliteSubjects() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			// The tables are made by one handle and used by another that knows of no model.
			strategy := s.Strategy(t)
			s.Strategy = func(testing.TB) tenancy.Strategy { return strategy }
			file := filepath.Join(t.TempDir(), "base.db")
			s.Open = func(t testing.TB, cfg *gorm.Config) *gorm.DB { return openFile(t, file, cfg) }
			filled := conformance.NewWorld(t, s, gorm.Config{})
			for _, prepare := range []bool{false, true} {
				blank := conformance.Open(t, s, gorm.Config{PrepareStmt: prepare}, tenancy.Config{Shared: conformance.Shared()})
				firstUse(t, filled, blank)
			}
		})
	}
}

// firstUse makes 32 goroutines use models at once that the handle has never seen.
func firstUse(t *testing.T, filled, blank *conformance.World) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n := range 32 {
		side, from := blank.Sides()[n%2], filled.Sides()[n%2]
		wg.Go(func() {
			<-start
			var users []user
			var orders []order
			var parts []part
			var notes []map[string]any
			errs := []error{
				side.Where("1 = 0").Or("1 = 1").Preload("Orders").Preload("Profile").Find(&users).Error,
				side.Joins("User").Find(&orders).Error,
				side.Preload("Item").Find(&parts).Error,
				side.Model(&comment{}).Find(&notes).Error,
				side.Model(&event{}).Where("id = ?", 1).UpdateColumn("before", n).Error,
				side.Where("code = ?", n).Delete(&conformance.Setting{}).Error,
			}
			if err := errors.Join(errs...); err != nil {
				t.Errorf("%s: %v", side.ID, err)
				return
			}
			got := []int{len(users), len(orders), len(parts), len(notes)}
			if want := []int{from.Users, 3, 2, 3}; !slices.Equal(got, want) {
				t.Errorf("%s: want %v, got %v", side.ID, want, got)
			}
			for _, u := range users {
				if u.TenantID != side.ID || u.Profile == nil || u.Profile.TenantID != side.ID {
					t.Errorf("%s: not its own: %+v", side.ID, u)
				}
			}
			for _, o := range orders {
				if o.TenantID != side.ID || o.User == nil || o.User.Name != from.Text("user", o.User.ID) {
					t.Errorf("%s: not its own: %+v", side.ID, o)
				}
			}
		})
	}
	close(start)
	wg.Wait()
}
