package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Postgres is a database of a test's own, with an ordinary role that owns it.
type Postgres struct {
	// DSN connects as the role: no superuser, and subject to row-level security.
	DSN string
	// Admin connects as the superuser of the server.
	Admin string
	// Name is the name of the database and of the role.
	Name string
	// Prefix begins the names of databases that a test creates.
	Prefix string
}

const connectTimeout = 3 * time.Second

// NewPostgres creates a database that is dropped when the test ends.
func NewPostgres(t testing.TB) Postgres {
	t.Helper()
	return newPostgres(t, "NOCREATEDB")
}

// NewPostgresServer is NewPostgres with a role that may create databases, which are to
// begin with Prefix. All of them are dropped when the test ends.
func NewPostgresServer(t testing.TB) Postgres {
	t.Helper()
	return newPostgres(t, "CREATEDB")
}

func newPostgres(t testing.TB, right string) Postgres {
	t.Helper()
	server, err := postgresServer()
	if err != nil {
		missing(t, "postgres", err)
	}
	p := Postgres{Name: randomName()}
	p.Prefix = p.Name[:len(testPrefix)+prefixLength] + "_"
	admin := openPostgres(t, server)
	for _, statement := range []string{
		"CREATE ROLE " + p.Name + " LOGIN PASSWORD '" + p.Name + "' NOSUPERUSER NOBYPASSRLS " + right,
		"CREATE DATABASE " + p.Name + " OWNER " + p.Name + " TEMPLATE template0",
		"ALTER DATABASE " + p.Name + " SET synchronous_commit = off", // what a crash of the server loses is not tested
	} {
		if _, err := admin.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	t.Cleanup(func() {
		for _, name := range postgresDatabases(t, admin, p.Name) {
			execute(t, admin, `DROP DATABASE IF EXISTS "`+name+`" WITH (FORCE)`)
		}
		for _, statement := range []string{
			"DROP DATABASE IF EXISTS " + p.Name + " WITH (FORCE)",
			"DROP ROLE IF EXISTS " + p.Name,
		} {
			if _, err := admin.Exec(statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
		_ = admin.Close()
	})
	p.DSN = address(server, p.Name, url.UserPassword(p.Name, p.Name))
	p.Admin = address(server, p.Name, nil)
	return p
}

// postgresDatabases lists the databases that a role owns.
func postgresDatabases(t testing.TB, admin *sql.DB, role string) []string {
	t.Helper()
	var names []string
	rows, err := admin.Query("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = $1", role)
	if err != nil {
		t.Errorf("the databases of %s: %v", role, err)
		return nil
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Errorf("the databases of %s: %v", role, err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Errorf("the databases of %s: %v", role, err)
	}
	return names
}

// With returns the role's DSN with settings added to it.
func (p Postgres) With(settings map[string]string) string {
	u, err := url.Parse(p.DSN)
	if err != nil {
		return p.DSN
	}
	query := u.Query()
	for name, value := range settings {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// address is a server's DSN with another database and, if given, another user.
func address(server, database string, user *url.Userinfo) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	u.Path = "/" + database
	if user != nil {
		u.User = user
	}
	return u.String()
}

func openPostgres(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(0)
	return db
}

// postgresServer finds the server once for all tests of a process.
var postgresServer = sync.OnceValues(func() (string, error) {
	return first(
		attempt{"TENANCY_TEST_POSTGRES", func() (string, error) {
			dsn := os.Getenv("TENANCY_TEST_POSTGRES")
			if dsn == "" {
				return "", errors.New("not set")
			}
			return dsn, pingPostgres(dsn)
		}},
		attempt{"loopback", func() (string, error) {
			const dsn = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
			return dsn, pingPostgres(dsn)
		}},
		attempt{"container", postgresContainer},
	)
})

func postgresContainer() (string, error) {
	return container("postgres", "15", "5432/tcp", []string{"POSTGRES_PASSWORD=tenancy"}, func(host string) (string, error) {
		dsn := fmt.Sprintf("postgres://postgres:tenancy@%s/postgres?sslmode=disable", host)
		return dsn, pingPostgres(dsn)
	})
}

func pingPostgres(dsn string) error {
	u, err := url.Parse(dsn)
	if err != nil {
		return fmt.Errorf("not a URL: %w", err)
	}
	conn, err := net.DialTimeout("tcp", u.Host, connectTimeout)
	if err != nil {
		return err
	}
	_ = conn.Close()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	return db.PingContext(ctx)
}
