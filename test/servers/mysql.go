package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// MySQL is a database of a test's own on MySQL or MariaDB, with an ordinary user that may
// do everything there, and in databases whose names begin with Prefix.
type MySQL struct {
	// DSN connects as the user.
	DSN string
	// Admin connects as the administrator of the server.
	Admin string
	// Name is the name of the database and of the user.
	Name string
	// Prefix begins the names of the databases that the user may create. All of them are
	// dropped when the test ends.
	Prefix string
}

// NewMySQL creates a database that is dropped when the test ends.
func NewMySQL(t testing.TB) MySQL {
	t.Helper()
	server, err := mysqlServer()
	if err != nil {
		missing(t, "mysql", err)
	}
	return NewMySQLOn(t, server)
}

// NewMySQLOn is NewMySQL on a server whose administrator's DSN is given.
func NewMySQLOn(t testing.TB, server string) MySQL {
	t.Helper()
	m := MySQL{Name: randomName()}
	m.Prefix = m.Name[:len(testPrefix)+prefixLength] + "_"
	admin := openMySQL(t, server)
	t.Cleanup(func() {
		for _, name := range mysqlDatabases(t, admin, m.Prefix) {
			execute(t, admin, "DROP DATABASE `"+name+"`")
		}
		execute(t, admin, "DROP DATABASE IF EXISTS `"+m.Name+"`")
		execute(t, admin, "DROP USER IF EXISTS '"+m.Name+"'@'%'")
		_ = admin.Close()
	})
	execute(t, admin, "CREATE DATABASE `"+m.Name+"` CHARACTER SET utf8mb4")
	execute(t, admin, "CREATE USER '"+m.Name+"'@'%' IDENTIFIED BY '"+m.Name+"'")
	for _, pattern := range []string{m.Name, m.Prefix + "%"} {
		execute(t, admin, "GRANT ALL ON `"+strings.ReplaceAll(pattern, "_", `\_`)+"`.* TO '"+m.Name+"'@'%'")
	}
	m.DSN = mysqlDSN(t, server, m.Name, m.Name)
	m.Admin = mysqlDSN(t, server, m.Name, "")
	return m
}

// mysqlDatabases lists databases by whole prefix: a LIKE would take its underscores for
// wildcards.
func mysqlDatabases(t testing.TB, admin *sql.DB, prefix string) []string {
	t.Helper()
	rows, err := admin.Query("SELECT schema_name FROM information_schema.schemata WHERE LEFT(schema_name, ?) = ?", len(prefix), prefix)
	if err != nil {
		t.Errorf("the databases that begin with %s: %v", prefix, err)
		return nil
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Errorf("the databases that begin with %s: %v", prefix, err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Errorf("the databases that begin with %s: %v", prefix, err)
	}
	return names
}

// mysqlDSN is a server's DSN with another database and, if given, another user.
func mysqlDSN(t testing.TB, server, database, user string) string {
	t.Helper()
	config, err := mysql.ParseDSN(server)
	if err != nil {
		t.Fatal(err)
	}
	config.DBName, config.ParseTime = database, true
	if user != "" {
		config.User, config.Passwd = user, user
	}
	return config.FormatDSN()
}

func openMySQL(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func execute(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

// mysqlServer finds the server once for all tests of a process.
var mysqlServer = sync.OnceValues(func() (string, error) {
	return first(
		attempt{"TENANCY_TEST_MYSQL", func() (string, error) {
			dsn := os.Getenv("TENANCY_TEST_MYSQL")
			if dsn == "" {
				return "", errors.New("not set")
			}
			return dsn, pingMySQL(dsn)
		}},
		attempt{"loopback", func() (string, error) {
			const dsn = "root@tcp(127.0.0.1:3306)/"
			return dsn, pingMySQL(dsn)
		}},
		attempt{"container", mysqlContainer},
	)
})

func mysqlContainer() (string, error) {
	return container("mariadb", "10.11", "3306/tcp", []string{"MARIADB_ROOT_PASSWORD=tenancy"}, func(host string) (string, error) {
		dsn := fmt.Sprintf("root:tenancy@tcp(%s)/", host)
		return dsn, pingMySQL(dsn)
	})
}

func pingMySQL(dsn string) error {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout(config.Net, config.Addr, connectTimeout)
	if err != nil {
		return err
	}
	_ = conn.Close()
	config.Logger = &mysql.NopLogger{} // a server that is starting hangs up
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	return db.PingContext(ctx)
}
