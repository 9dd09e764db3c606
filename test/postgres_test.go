package test

import (
	"database/sql"
	"os"
	"sync"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/conformance"
	"github.com/gormtenancy/tenancy/test/servers"
)

// TestPostgres runs the suite on PostgreSQL, in each of the ways in which pgx can send
// a statement. Its role is an ordinary one: a superuser would prove nothing.
func TestPostgres(t *testing.T) {
	t.Parallel()
	for _, mode := range append([]string{"cache_statement"}, otherModes(t)...) {
		for n, s := range []conformance.Subject{
			{Name: "schema", Strategy: func(testing.TB) tenancy.Strategy { return strategies.Schema{} }, Columnless: true},
			{Name: "rls", Strategy: func(testing.TB) tenancy.Strategy { return strategies.RLS{} }},
			{Name: "shared", Strategy: func(testing.TB) tenancy.Strategy { return strategies.Shared{} }, Raw: conformance.RawRefused},
		} {
			t.Run(mode+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				s.Configs = serverConfigs(t, n)
				conformance.Run(t, onPostgres(s, mode))
			})
		}
	}
}

// noPipeline is pgx's own way, and not the pipeline's.
const noPipeline = "no_pipeline"

// otherModes lists the ways that take too long for every run.
func otherModes(t testing.TB) []string {
	t.Helper()
	if os.Getenv("TENANCY_TEST_MODES") == "all" {
		return []string{"cache_describe", "describe_exec", "exec", "simple_protocol", noPipeline}
	}
	t.Log("TENANCY_TEST_MODES=all runs this in the other modes as well, and without the pipeline")
	return nil
}

// thorough reports whether a run may take longer than go test allows by itself.
func thorough() bool {
	return os.Getenv("TENANCY_TEST_REQUIRE") != "" || os.Getenv("TENANCY_TEST_MODES") == "all"
}

// takesLong skips a test where there is little time.
func takesLong(t *testing.T) {
	t.Helper()
	if !thorough() {
		t.Skip("takes long; TENANCY_TEST_MODES=all runs it")
	}
}

// serverConfigs lists the configurations of GORM in which the suite runs on servers for the
// n-th of a test's subjects: all where a run requires servers, and otherwise one, another for
// each subject.
func serverConfigs(t testing.TB, n int) []gorm.Config {
	t.Helper()
	all := conformance.Configs()
	if thorough() {
		return all
	}
	t.Log("TENANCY_TEST_MODES=all runs this in all configurations of GORM, not in one")
	return all[n%len(all):][:1]
}

// onPostgres completes a subject with databases of a test's own.
func onPostgres(s conformance.Subject, mode string) conformance.Subject {
	settings := map[string]string{"default_query_exec_mode": mode}
	if mode == noPipeline {
		s.NoPipeline, settings = true, nil
	}
	var admins sync.Map // *gorm.Config → *sql.DB of the superuser
	s.Open = func(t testing.TB, cfg *gorm.Config) *gorm.DB {
		server := servers.NewPostgres(t)
		db, err := gorm.Open(postgres.Open(server.With(settings)), cfg)
		if err != nil {
			t.Fatal(err)
		}
		pool, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		pool.SetMaxOpenConns(4)
		admin, err := sql.Open("pgx", server.Admin)
		if err != nil {
			t.Fatal(err)
		}
		admin.SetMaxOpenConns(1)
		t.Cleanup(func() { _ = admin.Close() })
		admins.Store(db.Config, admin)
		return db
	}
	s.Admin = func(t testing.TB, db *gorm.DB) *sql.DB {
		admin, ok := admins.Load(db.Config)
		if !ok {
			t.Fatal("a handle that Open has not opened")
		}
		return admin.(*sql.DB)
	}
	return s
}
