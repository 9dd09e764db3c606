package test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// driftUses read whole rows with a text that is the same for every tenant.
var driftUses = map[string]func(db *gorm.DB) ([]fragile, error){
	"scan": func(db *gorm.DB) (rows []fragile, err error) {
		return rows, db.Raw("SELECT * FROM fragiles ORDER BY id").Scan(&rows).Error
	},
	"rows": func(db *gorm.DB) (read []fragile, err error) {
		rows, err := db.Raw("SELECT * FROM fragiles WHERE id < ?", 100).Rows()
		if err != nil {
			return nil, err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var row fragile
			if err := db.ScanRows(rows, &row); err != nil {
				return nil, err
			}
			read = append(read, row)
		}
		return read, rows.Err()
	},
	"returning": func(db *gorm.DB) (rows []fragile, err error) {
		return rows, db.Raw("UPDATE fragiles SET body = ? RETURNING *", "x").Scan(&rows).Error
	},
	"exec": func(db *gorm.DB) ([]fragile, error) {
		return nil, db.Exec("UPDATE fragiles SET body = ? RETURNING *", "y").Error
	},
	"database/sql row": func(db *gorm.DB) ([]fragile, error) {
		row := tenancy.DBTX(db).QueryRowContext(db.Statement.Context, "SELECT owner, f.* FROM fragiles f WHERE id = $1", 2)
		var owner string
		var rest [4]any
		err := row.Scan(&owner, &rest[0], &rest[1], &rest[2], &rest[3])
		if err != nil && strings.Contains(err.Error(), "destination arguments") { // a column more
			return nil, nil
		}
		return []fragile{{Owner: owner, TenantID: owner}}, err
	},
	"database/sql exec": func(db *gorm.DB) ([]fragile, error) {
		_, err := tenancy.DBTX(db).ExecContext(db.Statement.Context, "SELECT * FROM fragiles")
		return nil, err
	},
	"built": func(db *gorm.DB) (rows []fragile, err error) { return rows, db.Find(&rows).Error },
	"built create": func(db *gorm.DB) ([]fragile, error) {
		return nil, db.Exec("INSERT INTO fragiles (tenant_id, id, owner) VALUES (?, 1, ?) ON CONFLICT (tenant_id, id) DO UPDATE SET body = 'z' RETURNING *", tenantIn(db), tenantIn(db)).Error
	},
}

// TestPGDriftedSchemas: tables of tenants may differ while a fleet is being migrated. A
// plan that was made for one of them is not the other's.
func TestPGDriftedSchemas(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	provisioned := openPG(t, server, pgSchema, pgSetup{models: []any{&fragile{}}})
	provisioned.provision(t, "acme", "globex", "initech")
	server.run(t,
		"DROP TABLE tenant_globex.fragiles",
		"CREATE TABLE tenant_globex.fragiles (body text, owner text, extra int DEFAULT 7, id bigint, tenant_id text, PRIMARY KEY (tenant_id, id))",
		"DROP TABLE tenant_initech.fragiles",
		"CREATE TABLE tenant_initech.fragiles (owner text, tenant_id text, body text, id bigint, PRIMARY KEY (tenant_id, id))",
		"ALTER TABLE tenant_globex.fragiles OWNER TO "+server.Name,
		"ALTER TABLE tenant_initech.fragiles OWNER TO "+server.Name)
	tenants := []string{"acme", "globex", "initech"}
	for _, id := range tenants {
		must(t, provisioned.as(id).Create([]fragile{{ID: 1, Owner: id, Body: "x"}, {ID: 2, Owner: id, Body: "x"}}).Error)
	}
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec"} {
		for _, conns := range []int{1, 4} {
			for _, prepare := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/prepared=%v", mode, conns, prepare), func(t *testing.T) {
					s := openPG(t, server, pgSchema, pgSetup{
						models: []any{&fragile{}}, conns: conns, gorm: gorm.Config{PrepareStmt: prepare},
						settings: map[string]string{"default_query_exec_mode": mode},
					})
					ctx, cancel := context.WithTimeout(t.Context(), 2*pgWait)
					defer cancel()
					var clients sync.WaitGroup
					for client := range conns {
						clients.Go(func() { s.alternate(ctx, t, tenants, client) })
					}
					clients.Wait()
					s.clean(t, `"$user", public`)
				})
			}
		}
	}
}

// alternate lets tenants take turns, with each text.
func (s *pgSite) alternate(ctx context.Context, t *testing.T, tenants []string, first int) {
	for name, use := range driftUses {
		for turn := range 3 * len(tenants) {
			id := tenants[(first+turn)%len(tenants)]
			rows, err := use(s.in(ctx, id))
			if err != nil {
				t.Errorf("%s for %s: %v", name, id, err)
				continue
			}
			for _, row := range rows {
				if row.Owner != id || row.TenantID != id {
					t.Errorf("%s: %s read %+v", name, id, row)
				}
			}
		}
	}
}

// TestPGDriftedTransaction: inside a transaction nothing can be tried again; the error says
// what it is, and the transaction's changes are not kept.
func TestPGDriftedTransaction(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{models: []any{&fragile{}}, conns: 1})
	s.provision(t, "acme", "globex")
	server.run(t, "ALTER TABLE tenant_globex.fragiles ADD COLUMN extra int")
	for turn := range 6 {
		id := []string{"acme", "globex"}[turn%2]
		err := s.as(id).Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&fragile{ID: int64(100 + turn), Owner: id}).Error; err != nil {
				return err
			}
			var rows []fragile
			err := tx.Raw("SELECT * FROM fragiles ORDER BY id").Scan(&rows).Error
			for _, row := range rows {
				if row.Owner != id {
					t.Errorf("%s read %+v", id, row)
				}
			}
			return err
		})
		var there int64
		must(t, s.as(id).Model(&fragile{}).Where("id = ?", 100+turn).Count(&there).Error)
		if (err == nil) != (there == 1) {
			t.Errorf("turn %d: %v, and %d rows", turn, err, there)
		}
		var state interface{ SQLState() string }
		if err != nil && !(errors.As(err, &state) && state.SQLState() == "0A000") {
			t.Errorf("turn %d: %v", turn, err)
		}
	}
}
