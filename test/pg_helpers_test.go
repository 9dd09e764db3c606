package test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

// pgWait is how long anything on a loopback may take before it is taken for stuck.
const pgWait = 5 * time.Second

// pgMoment is long enough for a statement to begin.
const pgMoment = 30 * time.Millisecond

// pgKind is a strategy that PostgreSQL itself enforces.
type pgKind struct {
	name     string
	strategy tenancy.Strategy
}

var (
	pgSchema = pgKind{"schema", strategies.Schema{}}
	pgRLS    = pgKind{"rls", strategies.RLS{}}
	pgKinds  = []pgKind{pgSchema, pgRLS}
)

// pgServer is a database of a test's own and its superuser. Both strategies may use
// it at once: one keeps to the tenants' schemas, the other to public.
type pgServer struct {
	servers.Postgres
	admin *sql.DB
}

func newPG(t testing.TB) pgServer {
	t.Helper()
	server := servers.NewPostgres(t)
	admin, err := sql.Open("pgx", server.Admin)
	must(t, err)
	admin.SetMaxOpenConns(2)
	t.Cleanup(func() { _ = admin.Close() })
	return pgServer{server, admin}
}

// run runs statements as the superuser.
func (s pgServer) run(t testing.TB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := s.admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// ask reads the first column of a query through the superuser's eyes, for whom there is
// no wall.
func (s pgServer) ask(t testing.TB, query string, args ...any) []string {
	t.Helper()
	rows, err := s.admin.Query(query, args...)
	must(t, err)
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		all = append(all, text)
	}
	must(t, rows.Err())
	return all
}

// role makes another role that can log in, and returns its DSN.
func (s pgServer) role(t testing.TB, name, attributes string) (role, dsn string) {
	t.Helper()
	role = s.Name + "_" + name
	s.run(t, "CREATE ROLE "+role+" LOGIN PASSWORD '"+s.Name+"' "+attributes)
	t.Cleanup(func() {
		for _, statement := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			if _, err := s.admin.Exec(statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
	return role, strings.Replace(s.DSN, "://"+s.Name+":", "://"+role+":", 1)
}

// pgSetup is what a test may change about a handle.
type pgSetup struct {
	dsn      string // empty: the role that owns the database
	settings map[string]string
	gorm     gorm.Config
	models   []any // nil: those of the other tests
	conns    int   // 0: 4
	before   func(*gorm.DB)
	driver   string // of database/sql; empty: the dialect's own
	require  tenancy.Requirement
	slow     bool // no pipeline
}

// pgSite is a handle with the plugin on it.
type pgSite struct {
	*site
	server pgServer
	pool   *sql.DB
}

func openPG(t testing.TB, server pgServer, k pgKind, s pgSetup) *pgSite {
	t.Helper()
	opened, err := tryPG(t, server, k, s)
	must(t, err)
	return opened
}

// tryPG opens a handle and returns the error of db.Use.
func tryPG(t testing.TB, server pgServer, k pgKind, s pgSetup) (*pgSite, error) {
	t.Helper()
	if s.dsn != "" {
		server.DSN = s.dsn
	}
	if s.gorm.Logger == nil {
		s.gorm.Logger = logger.Discard
	}
	if s.conns == 0 {
		s.conns = 4
	}
	cfg := tenancy.Config{Strategy: k.strategy, Models: s.models, Require: s.require, NoPipeline: s.slow}
	if s.models == nil {
		cfg.Models, cfg.Shared = ownedModels(), sharedModels()
	}
	db, err := gorm.Open(postgres.New(postgres.Config{DriverName: s.driver, DSN: server.With(s.settings)}), &s.gorm)
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(s.conns)
	pool.SetMaxIdleConns(s.conns)
	if s.before != nil {
		s.before(db)
	}
	if err := db.Use(tenancy.Plugin(cfg)); err != nil {
		return nil, err
	}
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	m, err := migrate.New(db)
	must(t, err)
	return &pgSite{&site{kind: kind{name: k.name}, db: db, migrate: m}, server, pool}, nil
}

// in returns the handle in the hands of a tenant, under ctx.
func (s *pgSite) in(ctx context.Context, id string) *gorm.DB {
	return s.db.WithContext(tenancy.WithTenant(ctx, tenancy.Tenant{ID: id}))
}

// clean takes all connections of the pool at once and fails unless each has what it began
// with, and none of them is lost to a transaction that nobody ended.
func (s *pgSite) clean(t testing.TB, searchPath string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), pgWait)
	defer cancel()
	for range s.pool.Stats().MaxOpenConnections {
		conn, err := s.pool.Conn(ctx)
		if err != nil {
			t.Fatalf("a connection is lost: %v", err)
		}
		defer func() { _ = conn.Close() }()
		var path, tenant, own string
		if conn.PingContext(ctx) != nil { // killed while it was idle
			_ = conn.Close()
			conn, err = s.pool.Conn(ctx)
			must(t, err)
			defer func() { _ = conn.Close() }()
		}
		err = conn.QueryRowContext(ctx, `SELECT current_setting('search_path'), coalesce(current_setting('app.current_tenant', true), ''), pg_backend_pid()::text`).Scan(&path, &tenant, &own)
		if err != nil {
			t.Errorf("a broken connection came out of the pool: %v", err)
			continue
		}
		if path != searchPath || tenant != "" {
			t.Errorf("a connection has the search_path %s, want %s, and the tenant %q, want none", path, searchPath, tenant)
		}
		for _, state := range s.server.ask(t, "SELECT state FROM pg_stat_activity WHERE pid::text = $1", own) {
			if strings.Contains(state, "in transaction") {
				t.Errorf("a connection is %s", state)
			}
		}
	}
}

// table is the physical name of acme's table, quoted.
func (s *pgSite) table(t testing.TB, logical string) string {
	t.Helper()
	name, err := tenancy.Table(s.as("acme"), logical)
	must(t, err)
	return `"` + strings.ReplaceAll(name, ".", `"."`) + `"`
}

// kill ends backends of the test's own role, through the superuser.
func (s pgServer) kill(ctx context.Context, condition string) (int, error) {
	var killed int
	err := s.admin.QueryRowContext(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1 AND `+condition, s.Name).Scan(&killed)
	return killed, err
}

// pgLost reports whether err is that of a connection which was ended from outside. Its
// request may have been done, and may not.
func pgLost(err error) bool {
	var state interface{ SQLState() string }
	if errors.As(err, &state) && (state.SQLState() == "57P01" || state.SQLState() == "57014") {
		return true
	}
	for _, text := range []string{"unexpected EOF", "conn closed", "bad connection", "connection reset", "broken pipe", "closed network connection", "conn busy"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// killed kills all backends of the test's role.
func killed(t testing.TB, s *pgSite) {
	t.Helper()
	if n, err := s.server.kill(context.Background(), "true"); err != nil || n == 0 {
		t.Errorf("killed %d backends: %v", n, err)
	}
}

// fails fails unless there is an error.
func fails(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		t.Error("want an error, and there is none")
	}
}

// pgPanics runs fn and returns what it panicked with.
func pgPanics(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}

// pgDuration is how long a run with chance in it lasts.
func pgDuration(usual, long time.Duration) time.Duration {
	wanted, _ := strconv.ParseBool(os.Getenv("TENANCY_TEST_LONG"))
	switch {
	case wanted:
		return long
	case testing.Short():
		return usual / 5
	default:
		return usual
	}
}
