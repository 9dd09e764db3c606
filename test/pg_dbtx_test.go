package test

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// pgOwners asks for the owners of all replies that database/sql sees.
func pgOwners(ctx context.Context, dbtx gorm.ConnPool) ([]string, error) {
	rows, err := dbtx.QueryContext(ctx, "SELECT owner FROM replies ORDER BY owner")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var owners []string
	for rows.Next() {
		var owner string
		if err := rows.Scan(&owner); err != nil {
			return nil, err
		}
		owners = append(owners, owner)
	}
	return owners, rows.Err()
}

// dbtxCase uses database/sql for two tenants, on a pool of one connection.
type dbtxCase struct {
	*testing.T
	site         *pgSite
	acme, globex context.Context
}

func (c dbtxCase) sees(ctx context.Context, dbtx gorm.ConnPool, want ...string) {
	c.Helper()
	got, err := pgOwners(ctx, dbtx)
	if err != nil || !slices.Equal(got, want) {
		c.Errorf("database/sql sees %q (%v), want %q", got, err, want)
	}
}

// ormSees is what GORM sees.
func (c dbtxCase) ormSees(db *gorm.DB, want ...string) {
	c.Helper()
	var got []string
	if err := db.Model(&reply{}).Order("owner").Pluck("owner", &got).Error; err != nil || !slices.Equal(got, want) {
		c.Errorf("GORM sees %q (%v), want %q", got, err, want)
	}
}

func (c dbtxCase) insert(ctx context.Context, dbtx gorm.ConnPool, owner string) {
	c.Helper()
	id, _ := tenancy.FromContext(ctx)
	_, err := dbtx.ExecContext(ctx, "INSERT INTO replies (owner, note_id, tenant_id) VALUES ($1, $2, $3)", owner, 1, id.ID)
	must(c, err)
}

// refusedAll fails unless every call of dbtx is refused.
func (c dbtxCase) refusedAll(ctx context.Context, dbtx gorm.ConnPool, kind error) {
	c.Helper()
	_, err := dbtx.ExecContext(ctx, "DELETE FROM replies")
	wantKind(c, err, kind)
	_, err = pgOwners(ctx, dbtx)
	wantKind(c, err, kind)
	wantKind(c, dbtx.QueryRowContext(ctx, "SELECT 1").Scan(new(int)), kind)
	wantKind(c, dbtx.QueryRowContext(ctx, "SELECT 1").Err(), kind)
	stmt, err := dbtx.PrepareContext(ctx, "SELECT 1")
	if err == nil {
		_ = stmt.Close()
		c.Error("a statement was prepared")
	}
}

var dbtxCases = map[string]func(c dbtxCase){
	"outside transactions": func(c dbtxCase) {
		dbtx := tenancy.DBTX(c.site.db)
		c.insert(c.acme, dbtx, "acme")
		c.sees(c.acme, dbtx, "acme")
		c.sees(c.globex, dbtx)
		var n int
		must(c, dbtx.QueryRowContext(c.acme, "SELECT count(*) FROM replies WHERE owner = $1", "acme").Scan(&n))
		if n != 1 {
			c.Errorf("counted %d", n)
		}
		if err := dbtx.QueryRowContext(c.globex, "SELECT owner FROM replies").Scan(new(string)); err != sql.ErrNoRows {
			c.Errorf("the other tenant's row ended with %v", err)
		}
	},
	"in GORM's transaction": func(c dbtxCase) {
		_ = c.site.db.WithContext(c.acme).Transaction(func(tx *gorm.DB) error {
			must(c, tx.Create(&reply{Owner: "by GORM"}).Error)
			dbtx := tenancy.DBTX(tx)
			c.insert(c.acme, dbtx, "by SQL")
			c.sees(c.acme, dbtx, "by GORM", "by SQL")
			c.ormSees(tx, "by GORM", "by SQL")
			c.refusedAll(c.globex, dbtx, tenancy.ErrTenantMismatch)
			c.refusedAll(context.Background(), dbtx, tenancy.ErrTenantMismatch)
			return errDeliberate
		})
		c.sees(c.acme, tenancy.DBTX(c.site.db))
	},
	"in database/sql's transaction": func(c dbtxCase) {
		tx, err := tenancy.BeginTx(c.acme, c.site.db, nil)
		must(c, err)
		c.insert(c.acme, tx, "by SQL")
		db := tenancy.WithTx(c.acme, c.site.db, tx)
		c.ormSees(db, "by SQL")
		must(c, db.Create(&reply{Owner: "by GORM"}).Error)
		_ = db.Transaction(func(nested *gorm.DB) error {
			must(c, nested.Create(&reply{Owner: "undone"}).Error)
			return errDeliberate
		})
		c.sees(c.acme, tx, "by GORM", "by SQL")
		c.sees(c.acme, tenancy.DBTX(db), "by GORM", "by SQL")
		c.refusedAll(c.globex, tx, tenancy.ErrTenantMismatch)
		wantKind(c, tenancy.WithTx(c.globex, c.site.db, tx).Find(&[]reply{}).Error, tenancy.ErrTenantMismatch)
		must(c, tx.Commit())
		c.sees(c.acme, tenancy.DBTX(c.site.db), "by GORM", "by SQL")
		c.sees(c.globex, tenancy.DBTX(c.site.db))
	},
	"rolled back": func(c dbtxCase) {
		tx, err := tenancy.BeginTx(c.acme, c.site.db, &sql.TxOptions{Isolation: sql.LevelSerializable})
		must(c, err)
		c.insert(c.acme, tx, "undone")
		must(c, tx.Rollback())
		c.sees(c.acme, tenancy.DBTX(c.site.db))
	},
	"read only": func(c dbtxCase) {
		tx, err := tenancy.BeginTx(c.acme, c.site.db, &sql.TxOptions{ReadOnly: true})
		must(c, err)
		c.sees(c.acme, tx)
		_, err = tx.ExecContext(c.acme, "INSERT INTO replies (owner) VALUES ('x')")
		fails(c, err)
		must(c, tx.Rollback())
	},
	"no tenant": func(c dbtxCase) {
		c.refusedAll(context.Background(), tenancy.DBTX(c.site.db), tenancy.ErrNoTenant)
		tx, err := tenancy.BeginTx(context.Background(), c.site.db, nil)
		if err == nil {
			_, err = tx.ExecContext(context.Background(), "DELETE FROM replies")
			must(c, tx.Rollback())
		}
		wantKind(c, err, tenancy.ErrNoTenant)
	},
	"prepared": func(c dbtxCase) {
		if stmt, err := tenancy.DBTX(c.site.db).PrepareContext(c.acme, "SELECT owner FROM replies"); err == nil {
			_ = stmt.Close()
			c.Error("a statement was prepared for all tenants")
		}
		for _, ctx := range []context.Context{c.acme, c.globex} {
			id, _ := tenancy.FromContext(ctx)
			tx, err := tenancy.BeginTx(ctx, c.site.db, nil)
			must(c, err)
			stmt, err := tx.PrepareContext(ctx, "INSERT INTO replies (owner, note_id, tenant_id) VALUES ($1, 1, $2)")
			must(c, err)
			_, err = stmt.ExecContext(ctx, id.ID, id.ID)
			must(c, err)
			must(c, stmt.Close())
			stmt, err = tx.PrepareContext(ctx, "SELECT owner FROM replies")
			must(c, err)
			var owner string
			must(c, stmt.QueryRowContext(ctx).Scan(&owner))
			if owner != id.ID {
				c.Errorf("%s reads a row of %q by a prepared statement", id.ID, owner)
			}
			must(c, tx.Commit())
		}
	},
	"rows closed early": func(c dbtxCase) {
		dbtx := tenancy.DBTX(c.site.db)
		c.insert(c.acme, dbtx, "a")
		c.insert(c.acme, dbtx, "b")
		for range 3 { // each needs the only connection
			rows, err := dbtx.QueryContext(c.acme, "SELECT owner FROM replies")
			must(c, err)
			rows.Next()
			must(c, rows.Close())
			row := dbtx.QueryRowContext(c.acme, "SELECT owner FROM replies")
			must(c, row.Scan(new(string)))
			fails(c, dbtx.QueryRowContext(c.acme, "SELECT owner FROM replies").Scan(new(int)))
		}
		c.sees(c.globex, dbtx)
	},
}

func TestPGDatabaseSQL(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for _, k := range pgKinds {
		for _, prepare := range []bool{false, true} {
			s := openPG(t, server, k, pgSetup{models: []any{&reply{}}, conns: 1, gorm: gorm.Config{PrepareStmt: prepare}})
			s.provision(t, "acme", "globex")
			for name, run := range dbtxCases {
				t.Run(map[bool]string{true: "prepared ", false: ""}[prepare]+k.name+"/"+name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), pgWait)
					defer cancel()
					run(dbtxCase{
						T: t, site: s,
						acme:   tenancy.WithTenant(ctx, tenancy.Tenant{ID: "acme"}),
						globex: tenancy.WithTenant(ctx, tenancy.Tenant{ID: "globex"}),
					})
					for _, id := range []string{"acme", "globex"} {
						must(t, s.in(ctx, id).Exec("DELETE FROM replies").Error)
					}
					s.clean(t, `"$user", public`)
				})
			}
		}
	}
}
