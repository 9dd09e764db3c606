package test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
)

// pgBroken has a column that PostgreSQL cannot make.
type pgBroken struct {
	ID       uint
	TenantID string
	Value    string `gorm:"type:no_such_type"`
}

// structures lists everything that is not PostgreSQL's own.
func (s pgServer) structures(t testing.TB) []string {
	t.Helper()
	return s.ask(t, `
		SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
		UNION ALL SELECT 'relation ' || oid::regclass FROM pg_class WHERE relnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
		UNION ALL SELECT 'policy ' || polname || ' on ' || polrelid::regclass FROM pg_policy
		ORDER BY 1`)
}

// registry lists the tenants that the database knows.
func (s pgServer) registry(t testing.TB) []string {
	t.Helper()
	if s.ask(t, "SELECT coalesce(to_regclass('public.tenancy_tenants')::text, '')")[0] == "" {
		return nil
	}
	return s.ask(t, "SELECT tenant_id FROM public.tenancy_tenants ORDER BY 1")
}

// TestPGProvisionIsWhole: a model that cannot be migrated leaves nothing behind of a new
// tenant, and a living one as it was.
func TestPGProvisionIsWhole(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for _, k := range pgKinds {
		t.Run(k.name, func(t *testing.T) {
			broken := openPG(t, server, k, pgSetup{models: []any{&reply{}, &pgBroken{}}})
			before := withoutRegistry(server.structures(t))
			wantKind(t, broken.migrate.Provision(t.Context(), tenancy.Tenant{ID: "fresh"}), tenancy.ErrMigration)
			same(t, "structures", withoutRegistry(server.structures(t)), before)
			same(t, "registered", server.registry(t), nil)

			sound := openPG(t, server, k, pgSetup{models: []any{&reply{}}})
			sound.provision(t, "acme")
			must(t, sound.as("acme").Create(&reply{Owner: "acme"}).Error)
			before = server.structures(t)
			wantKind(t, broken.migrate.Provision(t.Context(), tenancy.Tenant{ID: "acme"}), tenancy.ErrMigration)
			same(t, "structures of a living tenant", server.structures(t), before)
			sound.repliesOf(t, "acme", 1)
			must(t, sound.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
			must(t, sound.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
			broken.clean(t, `"$user", public`)
		})
	}
}

// withoutRegistry leaves out the list of tenants and the ledger, which are made before the first of them.
func withoutRegistry(structures []string) []string {
	return slices.DeleteFunc(structures, func(s string) bool {
		return strings.Contains(s, "tenancy_tenants") || strings.Contains(s, "tenancy_ledger")
	})
}

// TestPGProvisionAtOnce: one tenant and many, by everybody at once, in a database that
// nobody has used before.
func TestPGProvisionAtOnce(t *testing.T) {
	t.Parallel()
	for _, k := range pgKinds {
		t.Run(k.name, func(t *testing.T) {
			server := newPG(t)
			first := openPG(t, server, k, pgSetup{models: []any{&note{}, &reply{}, &mark{}}})
			second := openPG(t, server, k, pgSetup{models: []any{&note{}, &reply{}, &mark{}}})
			atOnce(t, 8, func(i int) error {
				s := []*pgSite{first, second}[i%2]
				return s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "common"})
			})
			atOnce(t, 8, func(i int) error {
				s := []*pgSite{first, second}[i%2]
				return s.migrate.Provision(t.Context(), tenancy.Tenant{ID: fmt.Sprint("own", i)})
			})
			for i := range 8 {
				id := fmt.Sprint("own", i)
				must(t, first.as(id).Create(&note{Owner: id, Replies: []reply{{Owner: id}}}).Error)
			}
			for i := range 8 {
				first.repliesOf(t, fmt.Sprint("own", i), 1)
			}
			first.repliesOf(t, "common", 0)
			must(t, first.migrate.Verify(t.Context(), tenancy.Tenant{ID: "common"}))
			must(t, first.migrate.Verify(t.Context(), tenancy.Tenant{ID: "own7"}))
			atOnce(t, 8, func(i int) error {
				return first.migrate.Destroy(t.Context(), tenancy.Tenant{ID: fmt.Sprint("own", i/2)})
			})
			for i := range 8 {
				if id := fmt.Sprint("own", i); i >= 4 {
					first.repliesOf(t, id, 1)
				} else if err := first.as(id).Find(&[]reply{}).Error; k.name == "schema" {
					wantKind(t, err, tenancy.ErrNotProvisioned)
				}
			}
		})
	}
}

// TestPGDestroy: what is destroyed is gone, with nothing else, and may be destroyed again.
func TestPGDestroy(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for _, k := range pgKinds {
		t.Run(k.name, func(t *testing.T) {
			s := openPG(t, server, k, pgSetup{})
			s.provision(t, "globex")
			before := server.structures(t)
			s.provision(t, "acme")
			for _, id := range []string{"acme", "globex"} {
				s.fill(t, id, 2)
			}
			must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
			same(t, "structures", server.structures(t), before)
			s.holds(t, "globex", 2)
			for _, table := range []string{"folios", "sheets", "notes", "replies", "marks", "note_marks"} {
				if k.name == "rls" {
					same(t, "tenants in "+table, server.ask(t, "SELECT DISTINCT tenant_id FROM "+table), []string{"globex"})
				}
			}
			must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
			must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "never"}))
			same(t, "structures", server.structures(t), before)
			s.holds(t, "globex", 2)
			if k.name == "schema" {
				same(t, "registered", server.registry(t), []string{"globex"})
			}
			s.provision(t, "acme")
			s.fill(t, "acme", 1)
			s.holds(t, "acme", 1)
		})
	}
}

// TestPGDestroySparesOthers: what leans on a tenant's schema from outside stops its
// destruction, which would take it along.
func TestPGDestroySparesOthers(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{models: []any{&reply{}}})
	s.provision(t, "acme", "globex")
	must(t, s.as("acme").Create(&reply{Owner: "acme"}).Error)
	for _, leaning := range []struct{ name, create, drop string }{
		{"key", "CREATE TABLE tenant_globex.leaning (id int REFERENCES tenant_acme.replies (id))", "DROP TABLE tenant_globex.leaning"},
		{"view", "CREATE VIEW tenant_globex.leaning AS SELECT * FROM tenant_acme.replies", "DROP VIEW tenant_globex.leaning"},
		{"view in public", "CREATE VIEW leaning AS SELECT * FROM tenant_acme.replies", "DROP VIEW leaning"},
		{"child", "CREATE TABLE tenant_globex.leaning () INHERITS (tenant_acme.replies)", "DROP TABLE tenant_globex.leaning"},
		{"default", "CREATE TABLE tenant_globex.leaning (id int DEFAULT nextval('tenant_acme.replies_id_seq'))", "DROP TABLE tenant_globex.leaning"},
		{"type", "CREATE TABLE tenant_globex.leaning (r tenant_acme.replies)", "DROP TABLE tenant_globex.leaning"},
	} {
		t.Run(leaning.name, func(t *testing.T) {
			server.run(t, leaning.create)
			before := server.structures(t)
			wantKind(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}), tenancy.ErrDrifted)
			same(t, "structures", server.structures(t), before)
			if t.Failed() {
				s.provision(t, "acme")
			} else {
				server.run(t, leaning.drop)
			}
		})
	}
	must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
}

// TestPGNamesOfOthers: a schema that belongs to another tenant, or to the installation,
// cannot be a tenant's.
func TestPGNamesOfOthers(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	server.run(t, "CREATE SCHEMA common AUTHORIZATION "+server.Name, "CREATE SCHEMA gear AUTHORIZATION "+server.Name)
	k := pgKind{"schema", strategies.Schema{SharedSchema: "common", Extensions: []string{"gear"}}}
	s := openPG(t, server, k, pgSetup{models: []any{&reply{}}})
	s.provision(t, "acme")
	must(t, s.as("acme").Create(&reply{Owner: "acme"}).Error)
	before := server.structures(t)
	for _, other := range []struct {
		tenant tenancy.Tenant
		kind   error
	}{
		{tenancy.Tenant{ID: "evil", Schema: "tenant_acme"}, tenancy.ErrTenantMismatch},
		{tenancy.Tenant{ID: "acme", Schema: "moved"}, tenancy.ErrInvalidTenant},
		{tenancy.Tenant{ID: "evil", Schema: "public"}, tenancy.ErrInvalidTenant},
		{tenancy.Tenant{ID: "evil", Schema: "pg_catalog"}, tenancy.ErrInvalidTenant},
		{tenancy.Tenant{ID: "evil", Schema: "information_schema"}, tenancy.ErrInvalidTenant},
		{tenancy.Tenant{ID: "evil", Schema: "common"}, tenancy.ErrInvalidTenant},
		{tenancy.Tenant{ID: "evil", Schema: "gear"}, tenancy.ErrInvalidTenant},
	} {
		t.Run(other.tenant.Schema, func(t *testing.T) {
			wantKind(t, s.migrate.Provision(t.Context(), other.tenant), other.kind)
			same(t, "structures", server.structures(t), before)
			if err := s.migrate.Destroy(t.Context(), other.tenant); other.tenant.ID == "evil" {
				wantKind(t, err, other.kind)
			}
			fails(t, s.migrate.Verify(t.Context(), other.tenant))
			same(t, "structures", server.structures(t), before)
		})
	}
	s.repliesOf(t, "acme", 1)
}

// TestPGProvisionCancelled: whoever gives up leaves nothing half done.
func TestPGProvisionCancelled(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	s := openPG(t, server, pgSchema, pgSetup{models: []any{&note{}, &reply{}, &mark{}}})
	s.provision(t, "acme")
	for i := range 10 {
		id := fmt.Sprint("hurried", i)
		ctx, cancel := context.WithTimeout(t.Context(), pgMoment*time.Duration(i))
		err := s.migrate.Provision(ctx, tenancy.Tenant{ID: id})
		cancel()
		known := slices.Contains(server.registry(t), id)
		there := len(server.ask(t, "SELECT 1::text FROM pg_namespace WHERE nspname = $1", "tenant_"+id)) == 1
		if known != there || err == nil && !known {
			t.Errorf("%s: %v, registered %v, there %v", id, err, known, there)
		}
	}
	s.clean(t, `"$user", public`)
}
