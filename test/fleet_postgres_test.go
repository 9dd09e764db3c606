package test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// catalog lists the rows of the catalog that describe a schema, with the transactions
// that wrote them: nothing can touch a table without changing one.
func (s pgServer) catalog(t testing.TB, schema string) []string {
	t.Helper()
	return s.ask(t, `
		SELECT 'class ' || oid || ' ' || xmin FROM pg_class WHERE relnamespace = $1::regnamespace
		UNION ALL SELECT 'column ' || attrelid || ' ' || attname || ' ' || a.xmin FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = $1::regnamespace
		UNION ALL SELECT 'constraint ' || oid || ' ' || xmin FROM pg_constraint WHERE connamespace = $1::regnamespace
		ORDER BY 1`, schema)
}

// TestFleetTogether creates, changes and leaves alone many schemas.
func TestFleetTogether(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			server := newPG(t)
			all := numbered(12)
			setting := map[string]string{"default_query_exec_mode": mode}
			s := openPG(t, server, pgSchema, pgSetup{models: fleetModels(), settings: setting})
			together(t, s.up(t, all))
			for _, tenant := range all {
				must(t, s.migrate.Verify(t.Context(), tenant))
				must(t, s.as(tenant.ID).Create(&hull{Name: tenant.ID, Rivets: []rivet{{Size: 1}}}).Error)
			}

			before := server.catalog(t, "tenant_ship007")
			report := s.up(t, all)
			together(t, report)
			same(t, "catalog of a tenant with nothing to do", server.catalog(t, "tenant_ship007"), before)

			later := openPG(t, server, pgSchema, pgSetup{models: laterModels(), settings: setting})
			for _, result := range later.status(t, all).Results {
				if result.State != migrate.Behind {
					t.Errorf("%s is %s after the models have changed: %v", result.Tenant.ID, result.State, result.Err)
				}
				wantKind(t, result.Err, tenancy.ErrBehind)
			}
			plan, err := later.migrate.Plan(t.Context(), migrate.Tenants(all...))
			must(t, err)
			var text bytes.Buffer
			must(t, plan.Write(&text))
			if len(plan.Groups) != 1 || len(plan.Groups[0].Tenants) != len(all) || !strings.Contains(text.String(), `ADD "color"`) {
				t.Errorf("the plan is %s", &text)
			}
			same(t, "catalog after a plan", server.catalog(t, "tenant_ship007"), before)
			together(t, later.up(t, all))
			for _, tenant := range all {
				must(t, later.migrate.Verify(t.Context(), tenant))
				var names []string
				must(t, later.as(tenant.ID).Model(&hullLater{}).Pluck("name", &names).Error)
				same(t, "rows", names, []string{tenant.ID})
			}
			for _, result := range later.status(t, append(all, tenancy.Tenant{ID: "none"})).Results {
				want := migrate.UpToDate
				if result.Tenant.ID == "none" {
					want = migrate.Missing
				}
				if result.State != want {
					t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
				}
			}
			s.clean(t, `"$user", public`)
		})
	}
}

// TestFleetDrift finds three tenants that somebody has changed by hand, names what
// differs, and brings them to the models without touching the others.
func TestFleetDrift(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	all := numbered(10)
	s := openPG(t, server, pgSchema, pgSetup{models: fleetModels()})
	s.up(t, all)
	server.run(t,
		"ALTER TABLE tenant_ship001.hulls ADD COLUMN nickname text",
		"DROP INDEX tenant_ship002.idx_hulls_name",
		"ALTER TABLE tenant_ship003.hulls ALTER COLUMN name TYPE varchar(30)")
	drifted := map[string][]string{
		"ship001": {"column hulls.nickname", "not in the models"},
		"ship002": {"index hulls.idx_hulls_name", "missing"},
		"ship003": {"column hulls.name", "character varying(30)", "character varying(100)"},
	}

	report := s.status(t, all)
	for _, result := range report.Results {
		words, wrong := drifted[result.Tenant.ID]
		switch {
		case !wrong && result.State != migrate.UpToDate:
			t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
		case wrong && result.State != migrate.Drifted:
			t.Errorf("%s is %s", result.Tenant.ID, result.State)
		case wrong:
			wantKind(t, result.Err, tenancy.ErrDrifted)
			says(t, result.Tenant.ID, result.Differs, words...)
			says(t, result.Tenant.ID, []string{result.Err.Error()}, words...)
		}
	}
	asTable(t, report, "ship001", "nickname")

	before := map[string][]string{}
	for _, tenant := range all {
		before[tenant.ID] = server.catalog(t, "tenant_"+tenant.ID)
	}
	report = s.up(t, all)
	for id, words := range drifted {
		says(t, id, of(t, report, id).Differed, words...)
	}
	for _, tenant := range all {
		must(t, s.migrate.Verify(t.Context(), tenant))
		if _, wrong := drifted[tenant.ID]; !wrong {
			same(t, "catalog of "+tenant.ID, server.catalog(t, "tenant_"+tenant.ID), before[tenant.ID])
			if result := of(t, report, tenant.ID); len(result.Differs)+len(result.Differed) > 0 {
				t.Errorf("%s differs: %+v", tenant.ID, result)
			}
		}
	}
	says(t, "what is left", of(t, report, "ship001").Differs, drifted["ship001"]...)
	if left := append(of(t, report, "ship002").Differs, of(t, report, "ship003").Differs...); len(left) > 0 {
		t.Errorf("still different: %q", left)
	}
	same(t, "the extra column", server.ask(t, "SELECT attname FROM pg_attribute WHERE attrelid = 'tenant_ship001.hulls'::regclass AND attname = 'nickname'"), []string{"nickname"})

	for _, result := range s.status(t, all).Results {
		if result.State != migrate.UpToDate {
			t.Errorf("after Up %s is %s: %v", result.Tenant.ID, result.State, result.Err)
		}
	}
}

// asTable fails unless the report says it as a table and as JSON.
func asTable(t *testing.T, r *migrate.Report, words ...string) {
	t.Helper()
	var table bytes.Buffer
	must(t, r.WriteTable(&table))
	says(t, "the table", strings.Split(table.String(), "\n"), words...)
	text, err := json.Marshal(r)
	must(t, err)
	var read struct {
		Counts  map[migrate.State]int `json:"counts"`
		Tenants []struct {
			Tenant  string        `json:"tenant"`
			State   migrate.State `json:"state"`
			Differs []string      `json:"differs"`
		} `json:"tenants"`
	}
	must(t, json.Unmarshal(text, &read))
	if len(read.Tenants) != len(r.Results) || read.Counts[migrate.UpToDate] != r.Count(migrate.UpToDate) {
		t.Errorf("the JSON is %s", text)
	}
	for _, tenant := range read.Tenants {
		if tenant.Tenant == words[0] {
			says(t, "the JSON", tenant.Differs, words[1])
		}
	}
}

// TestFleetLocked: a table that somebody has locked costs its tenant the lock timeout,
// and nobody else anything.
func TestFleetLocked(t *testing.T) {
	server := newPG(t)
	all := numbered(8)
	openPG(t, server, pgSchema, pgSetup{models: fleetModels()}).up(t, all)
	for _, locked := range []string{"ship000", "ship005"} { // the canary, and another
		t.Run(locked, func(t *testing.T) {
			models := laterModels()
			if locked == "ship005" {
				models = fleetModels()
			}
			later := openPG(t, server, pgSchema, pgSetup{models: models})
			tx, err := server.admin.BeginTx(t.Context(), nil)
			must(t, err)
			defer func() { _ = tx.Rollback() }()
			_, err = tx.ExecContext(t.Context(), "LOCK TABLE tenant_"+locked+".hulls IN ACCESS SHARE MODE")
			must(t, err)
			m, err := migrate.New(later.db, migrate.LockTimeout(300*time.Millisecond), migrate.Workers(2))
			must(t, err)
			began := time.Now()
			report, err := m.Up(t.Context(), migrate.Tenants(all...))
			wantKind(t, err, tenancy.ErrMigration)
			if took := time.Since(began); took > 2*pgWait {
				t.Errorf("it took %s", took)
			}
			for _, result := range report.Results {
				switch {
				case result.Tenant.ID != locked && result.State != migrate.Done:
					t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
				case result.Tenant.ID == locked && (result.State != migrate.Failed || !strings.Contains(result.Err.Error(), "lock timeout")):
					t.Errorf("%s is %s: %v", locked, result.State, result.Err)
				case result.Tenant.ID == locked:
					wantTenant(t, result.Err, "up", locked, "schema")
				}
			}
			must(t, tx.Rollback())
			later.up(t, all)
			for _, result := range later.status(t, all).Results {
				if result.State != migrate.UpToDate {
					t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
				}
			}
		})
	}
}
