package test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy"
)

// The models have keys that tenants have in common, so one tenant can name another's rows.

type acrossOwner struct {
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	TenantID string `gorm:"size:191;index"`
	Name     string
	Code     string        `gorm:"uniqueIndex"`
	Pets     []acrossPet   `gorm:"foreignKey:OwnerID"`
	Card     *acrossCard   `gorm:"foreignKey:OwnerID"`
	Clubs    []acrossClub  `gorm:"many2many:across_members"`
	Rivals   []acrossOwner `gorm:"many2many:across_rivals"`
}

type acrossPet struct {
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	TenantID string `gorm:"size:191;index"`
	OwnerID  *int64
	Owner    *acrossOwner
	Name     string
}

type acrossCard struct {
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	TenantID string `gorm:"size:191;index"`
	OwnerID  int64
	Name     string
}

type acrossClub struct {
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	TenantID string `gorm:"size:191;index"`
	Name     string
}

// acrossUses are what globex (rows 2) tries with the rows of acme (rows 1). Each is refused,
// or harmless: what the superuser sees of acme's is as it was, and nothing of globex's
// refers to it.
var acrossUses = []struct {
	name    string
	use     func(db *gorm.DB) error
	refused bool // harmless is not enough: it must say so
}{
	{"create with the key", func(db *gorm.DB) error { return db.Create(&acrossOwner{ID: 1, Name: "stolen", Code: "x"}).Error }, true},
	{"save", func(db *gorm.DB) error { return db.Save(&acrossOwner{ID: 1, Name: "stolen", Code: "x"}).Error }, true},
	{"save a slice", func(db *gorm.DB) error {
		return db.Save(&[]acrossOwner{{ID: 5, Name: "own", Code: "y"}, {ID: 1, Name: "stolen", Code: "x"}}).Error
	}, true},
	{"save with acme's tenant", func(db *gorm.DB) error {
		return db.Save(&acrossOwner{ID: 1, TenantID: "acme", Name: "stolen", Code: "x"}).Error
	}, true},
	{"upsert all", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&acrossOwner{ID: 1, Name: "stolen", Code: "x"}).Error
	}, true},
	{"upsert columns", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"name", "tenant_id"})}).
			Create(&acrossOwner{ID: 1, Name: "stolen", Code: "x"}).Error
	}, true},
	{"upsert by a unique column", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, UpdateAll: true}).Create(&acrossOwner{ID: 6, Name: "stolen", Code: "c1"}).Error
	}, true},
	{"upsert and ignore", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&acrossOwner{ID: 1, Name: "stolen", Code: "x"}).Error
	}, false},
	{"raw upsert", func(db *gorm.DB) error {
		return db.Exec("INSERT INTO across_owners (id, name, code) VALUES (1, 'stolen', 'x') ON CONFLICT (id) DO UPDATE SET name = 'stolen', tenant_id = 'globex'").Error
	}, true},
	{"update", func(db *gorm.DB) error { return db.Model(&acrossOwner{ID: 1}).Update("name", "stolen").Error }, false},
	{"raw update", func(db *gorm.DB) error {
		return db.Exec("UPDATE across_owners SET name = 'stolen', tenant_id = 'globex' WHERE id = 1").Error
	}, false},
	{"give a row away", func(db *gorm.DB) error {
		return db.Model(&acrossOwner{}).Where("id = 2").UpdateColumn("tenant_id", "acme").Error
	}, true},
	{"give a row away by raw SQL", func(db *gorm.DB) error {
		return db.Exec("UPDATE across_owners SET tenant_id = 'acme' WHERE id = 2").Error
	}, true},
	{"delete", func(db *gorm.DB) error { return db.Delete(&acrossOwner{ID: 1}).Error }, false},
	{"raw delete", func(db *gorm.DB) error { return db.Exec("DELETE FROM across_owners WHERE id = 1").Error }, false},
	{"truncate", func(db *gorm.DB) error { return db.Exec("TRUNCATE across_members").Error }, true},
	{"has many in a create", func(db *gorm.DB) error {
		return db.Create(&acrossOwner{ID: 7, Code: "z", Pets: []acrossPet{{ID: 1, Name: "stolen"}}}).Error
	}, true},
	{"has one in a create", func(db *gorm.DB) error {
		return db.Create(&acrossOwner{ID: 7, Code: "z", Card: &acrossCard{ID: 1, Name: "stolen"}}).Error
	}, true},
	{"belongs to in a create", func(db *gorm.DB) error {
		return db.Create(&acrossPet{ID: 7, Owner: &acrossOwner{ID: 1, Name: "stolen", Code: "x"}}).Error
	}, true},
	{"many to many in a create", func(db *gorm.DB) error {
		return db.Create(&acrossOwner{ID: 7, Code: "z", Clubs: []acrossClub{{ID: 1, Name: "stolen"}}}).Error
	}, true},
	{"append has many", func(db *gorm.DB) error {
		return db.Model(&acrossOwner{ID: 2}).Association("Pets").Append(&acrossPet{ID: 1, Name: "stolen"})
	}, true},
	{"append many to many", func(db *gorm.DB) error {
		return db.Model(&acrossOwner{ID: 2}).Association("Clubs").Append(&acrossClub{ID: 1, Name: "stolen"})
	}, true},
	{"append to itself", func(db *gorm.DB) error {
		return db.Model(&acrossOwner{ID: 2}).Association("Rivals").Append(&acrossOwner{ID: 1})
	}, true},
	{"replace", func(db *gorm.DB) error {
		return db.Model(&acrossOwner{ID: 2}).Association("Clubs").Replace(&acrossClub{ID: 1, Name: "stolen"})
	}, true},
	{"clear acme's", func(db *gorm.DB) error {
		return errors.Join(db.Model(&acrossOwner{ID: 1}).Association("Clubs").Clear(), db.Model(&acrossOwner{ID: 1}).Association("Pets").Clear())
	}, false},
	{"full save", func(db *gorm.DB) error {
		return db.Session(&gorm.Session{FullSaveAssociations: true}).Save(&acrossOwner{ID: 2, Code: "c2", Pets: []acrossPet{{ID: 1, Name: "stolen"}}}).Error
	}, true},
	{"merge", func(db *gorm.DB) error {
		return db.Exec("MERGE INTO across_owners o USING (VALUES (1)) v(id) ON o.id = v.id WHEN MATCHED THEN UPDATE SET name = 'stolen' WHEN NOT MATCHED THEN DO NOTHING").Error
	}, false},
	{"copy", func(db *gorm.DB) error {
		return db.Exec("WITH gone AS (DELETE FROM across_owners RETURNING *) INSERT INTO across_clubs (id, name) SELECT id + 50, name FROM gone WHERE name <> 'globex'").Error
	}, false},
}

var acrossTables = []string{"across_owners", "across_pets", "across_cards", "across_clubs", "across_members", "across_rivals"}

func TestPGAcrossTenants(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	models := []any{&acrossOwner{}, &acrossPet{}, &acrossCard{}, &acrossClub{}}
	openPG(t, server, pgRLS, pgSetup{models: models}).provision(t, "acme")
	app, dsn := server.role(t, "app", "")
	server.run(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "+app)
	s := openPG(t, server, pgRLS, pgSetup{models: models, dsn: dsn})
	for i, id := range []string{"acme", "globex"} {
		n := int64(i + 1)
		must(t, s.as(id).Create(&acrossOwner{
			ID: n, Name: id, Code: fmt.Sprint("c", n), Pets: []acrossPet{{ID: n, Name: id}},
			Card: &acrossCard{ID: n, Name: id}, Clubs: []acrossClub{{ID: n, Name: id}},
		}).Error)
	}
	of := func(condition string) []string {
		var all []string
		for _, table := range acrossTables {
			all = append(all, server.ask(t, "SELECT '"+table+" ' || r::text FROM "+table+" r WHERE "+condition)...)
		}
		return all
	}
	acmes := of("tenant_id = 'acme'")
	for _, c := range acrossUses {
		t.Run(c.name, func(t *testing.T) {
			tx := s.as("globex").Begin() // so that the next case finds globex as it was
			err := c.use(tx)
			if c.refused {
				fails(t, err)
			}
			if state := (interface{ SQLState() string })(nil); err != nil && errors.As(err, &state) && state.SQLState() == "42501" {
				if c.name != "truncate" { // which it has no right to
					wantKind(t, err, tenancy.ErrTenantMismatch)
				}
			}
			if err != nil {
				must(t, tx.Rollback().Error)
			} else {
				must(t, tx.Commit().Error)
			}
			same(t, "acme's rows", of("tenant_id = 'acme'"), acmes)
			same(t, "rows of nobody", of("tenant_id IS NULL OR tenant_id NOT IN ('acme', 'globex')"), nil)
			for _, reference := range [][4]string{
				{"across_pets", "owner_id", "across_owners", "id"},
				{"across_cards", "owner_id", "across_owners", "id"},
				{"across_members", "across_club_id", "across_clubs", "id"},
				{"across_members", "across_owner_id", "across_owners", "id"},
				{"across_rivals", "rival_id", "across_owners", "id"},
			} {
				for _, row := range server.ask(t, fmt.Sprintf("SELECT c::text FROM %[1]s c JOIN %[3]s p ON c.%[2]s = p.%[4]s WHERE c.tenant_id <> p.tenant_id",
					reference[0], reference[1], reference[2], reference[3])) {
					t.Errorf("%s %s refers to a row of another tenant in %s", reference[0], row, reference[2])
				}
				server.run(t, fmt.Sprintf("DELETE FROM %[1]s c USING %[3]s p WHERE c.%[2]s = p.%[4]s AND c.tenant_id <> p.tenant_id",
					reference[0], reference[1], reference[2], reference[3]))
			}
		})
	}
}

// TestPGCompositeKeys: a foreign key that holds the tenant as well leads to no other's row,
// though the server checks foreign keys behind its policies' back.
func TestPGCompositeKeys(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgRLS, pgSetup{})
	s.provision(t, "acme")
	s.fill(t, "acme", 2)
	must(t, s.as("globex").Create(&folio{ID: 7, Owner: "globex", Sheets: []sheet{{ID: 7, Owner: "globex"}}}).Error)
	for name, refer := range map[string]func(db *gorm.DB) error{
		"create": func(db *gorm.DB) error { return db.Create(&sheet{ID: 8, FolioID: 1, Owner: "globex"}).Error },
		"update": func(db *gorm.DB) error { return db.Model(&sheet{}).Where("id = 7").Update("folio_id", 1).Error },
		"raw insert": func(db *gorm.DB) error {
			return db.Exec("INSERT INTO sheets (id, folio_id, owner) VALUES (8, 1, 'globex')").Error
		},
		"raw update": func(db *gorm.DB) error { return db.Exec("UPDATE sheets SET folio_id = 1").Error },
		"raw insert for acme": func(db *gorm.DB) error {
			return db.Exec("INSERT INTO sheets (id, folio_id, owner, tenant_id) VALUES (8, 1, 'globex', 'acme')").Error
		},
	} {
		t.Run(name, func(t *testing.T) { fails(t, refer(s.as("globex"))) })
	}
	s.holds(t, "acme", 2)
	must(t, s.as("globex").Where("id = 7").Delete(&folio{}).Error)
	same(t, "sheets", server.ask(t, "SELECT tenant_id || id FROM sheets ORDER BY 1"), []string{"acme1", "acme2"})
}

// TestPGVerifySeesCrossingRows: where a key does not hold the tenant, the server takes a
// reference to another tenant's row; then Verify says so.
func TestPGVerifySeesCrossingRows(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgRLS, pgSetup{models: []any{&note{}, &reply{}, &mark{}}})
	s.provision(t, "acme")
	of := &note{Owner: "acme"}
	must(t, s.as("acme").Create(of).Error)
	must(t, s.as("globex").Create(&note{Owner: "globex", Replies: []reply{{Owner: "globex"}}}).Error)
	must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "globex"}))
	server.run(t, fmt.Sprintf("UPDATE replies SET note_id = %d", of.ID))
	err := s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "globex"})
	wantKind(t, err, tenancy.ErrDrifted)
	if !strings.Contains(fmt.Sprint(err), "replies") {
		t.Errorf("%v does not name the table", err)
	}
	must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
}

// TestPGTruncate: no policy applies to TRUNCATE, so it is not sent, whatever the role may do.
func TestPGTruncate(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgRLS, pgSetup{models: []any{&reply{}}})
	s.provision(t, "acme")
	must(t, s.as("acme").Create(&reply{Owner: "acme"}).Error)
	for _, text := range []string{"TRUNCATE replies", "truncate table only replies cascade", "/* x */ TRUNCATE replies", "-- x\nTRUNCATE replies", "SELECT 1; TRUNCATE replies"} {
		_, err := tenancy.DBTX(s.db).ExecContext(tenancy.WithTenant(t.Context(), tenancy.Tenant{ID: "globex"}), text)
		wantKind(t, err, tenancy.ErrRawSQL)
		if rows := server.ask(t, "SELECT owner FROM replies"); len(rows) != 1 {
			t.Errorf("%s: the rows of all tenants are gone", text)
			must(t, s.as("acme").Create(&reply{Owner: "acme"}).Error)
		}
	}
}
