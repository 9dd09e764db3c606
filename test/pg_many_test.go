package test

import (
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// parcel is a model for tables that drift.
type parcel struct {
	ID     int64
	Weight int64
	Name   string
	Code   string
}

// TestPGManySchemas reads and writes in more schemas than statements are kept for. Those of
// some tenants are not what the others' are.
func TestPGManySchemas(t *testing.T) {
	takesLong(t)
	t.Parallel()
	const tenants, code = 300, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{models: []any{&parcel{}}, conns: 1})
	all := numbered(tenants)
	m, err := migrate.New(s.db)
	must(t, err)
	_, err = m.Up(t.Context(), migrate.Tenants(all...))
	must(t, err)
	drift := map[int]string{
		280: "ALTER COLUMN weight TYPE integer",
		281: "ALTER COLUMN weight TYPE numeric",
		282: "ADD COLUMN more text DEFAULT 'x'",
		283: "ALTER COLUMN name TYPE varchar(50)",
		284: "DROP COLUMN weight, ADD COLUMN weight bigint", // another order
		285: "ALTER COLUMN weight TYPE double precision",
		286: "ALTER COLUMN id TYPE integer",
		287: "ALTER COLUMN code TYPE uuid USING code::uuid",
	}
	for i, change := range drift {
		server.run(t, fmt.Sprintf("ALTER TABLE tenant_%s.parcels %s", all[i].ID, change))
	}
	as := func(i int) *gorm.DB { return s.db.WithContext(tenancy.WithTenant(t.Context(), all[i])) }
	for round := range 3 {
		for i := range all {
			want := parcel{ID: int64(round + 1), Weight: int64(1000*round + i), Name: all[i].ID, Code: code}
			kept := want
			if err := as(i).Create(&kept).Error; err != nil {
				t.Fatalf("round %d, %s: create: %v", round, all[i].ID, err)
			}
			var found []parcel
			err := as(i).Where("weight >= ?", 0).Where(&parcel{Code: code}).Order("id DESC").Find(&found).Error
			if err != nil || len(found) != round+1 || found[0] != want {
				t.Fatalf("round %d, %s: read %v, %v; want %v first", round, all[i].ID, found, err, want)
			}
		}
	}
}

// TestPGTypeChanged: a statement that is prepared outlives a change of a column's type, as the
// parameter's is another from then on.
func TestPGTypeChanged(t *testing.T) {
	t.Parallel()
	for _, k := range []pgKind{pgSchema, pgRLS} {
		t.Run(k.name, func(t *testing.T) {
			server := newPG(t)
			s := openPG(t, server, k, pgSetup{conns: 1})
			s.provision(t, "acme")
			must(t, s.as("acme").Create(&folio{ID: 1, Owner: "acme", Hits: 7}).Error)
			read := func() {
				t.Helper()
				var ids []string
				must(t, s.as("acme").Model(&folio{}).Where("hits = ?", "7").Pluck("id", &ids).Error)
				same(t, "IDs", ids, []string{"1"})
			}
			for range 3 {
				read()
			}
			_, err := server.admin.Exec("ALTER TABLE " + map[string]string{"schema": "tenant_acme.", "rls": ""}[k.name] + "folios ALTER COLUMN hits TYPE text")
			must(t, err)
			read()
			read()
		})
	}
}
