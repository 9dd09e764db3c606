package strategies

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// serverDialect is how databases are found, created and dropped on a kind of server.
type serverDialect struct {
	maintenance string // the database to which one connects for it
	identity    string // a query for what no other database in the world has
	folds       string // a query whether names that differ in case are one
	exists      string // a query for databases by a name, and for all whose names the catalog takes for it
	creation    string // CREATE DATABASE, up to the name
	options     string // what follows the name
	copied      bool   // whether new ones are copies of one that may have tables
	// tables counts the tables of a database, without the registry and those of extensions.
	tables func(ctx context.Context, pool gorm.ConnPool) (int, error)
	// objects reads what a database consists of, on one connection to it.
	objects func(ctx context.Context, pool gorm.ConnPool) (tenancy.Objects, error)
	quote   func(name string) string
	drop    func(ctx context.Context, db *sql.DB, name string, others bool) error
}

// server is a server on which databases are created and dropped, connected to.
type server struct {
	serverDialect
	db *sql.DB
}

func (d *databases) dialect() serverDialect {
	if d.in.Dialect() == "mysql" {
		return mysqlDatabases(d.cfg)
	}
	return postgresDatabases(d.cfg)
}

// create creates a database unless it is there, and reports whether it did.
func (s server) create(ctx context.Context, at place) (created bool, err error) {
	folds, err := scalar[bool](ctx, s.db, s.folds)
	if err != nil {
		return false, err
	}
	there, err := list(ctx, s.db, s.exists, at.name)
	if err != nil {
		return false, err
	}
	for _, name := range there {
		if name != at.name && (!folds || !strings.EqualFold(name, at.name)) { // GORM's migrator could take one for the other
			return false, &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: at.id, Detail: fmt.Sprintf("there is a database %q, and %q differs from it in case or accents alone; choose another name", name, at.name)}
		}
	}
	if len(there) > 0 {
		return false, nil
	}
	_, err = s.db.ExecContext(ctx, s.creation+s.quote(at.name)+s.options)
	return err == nil, err
}

// drop drops a database. others ends the sessions of others in it, who keep it otherwise.
func (s server) drop(ctx context.Context, at place, others bool) error {
	return s.serverDialect.drop(ctx, s.db, at.name, others)
}

func postgresDatabases(cfg Database) serverDialect {
	options := ""
	if cfg.Template != "" {
		options = " TEMPLATE " + quoteIdent(cfg.Template)
	}
	return serverDialect{
		maintenance: cmp.Or(cfg.Maintenance, "postgres"),
		identity:    "SELECT current_database() || ' ' || pg_postmaster_start_time()::text",
		folds:       "SELECT false",
		exists:      "SELECT datname::text FROM pg_database WHERE datname = $1",
		creation:    "CREATE DATABASE ",
		options:     options,
		copied:      cfg.Template != "",
		quote:       quoteIdent,
		objects:     postgresObjects,
		tables: func(ctx context.Context, pool gorm.ConnPool) (int, error) {
			return scalar[int](ctx, pool, `
				SELECT COUNT(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND c.relname <> $1
				AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`, registration{}.TableName())
		},
		drop: dropPostgres,
	}
}

// dropPostgres ends sessions as the server can (https://www.postgresql.org/docs/current/sql-dropdatabase.html):
// WITH (FORCE) is new in 13.
func dropPostgres(ctx context.Context, db *sql.DB, name string, others bool) error {
	drop := "DROP DATABASE IF EXISTS " + quoteIdent(name) //nolint:gosec // quoted
	if !others {
		_, err := db.ExecContext(ctx, drop)
		return err
	}
	version, err := scalar[int](ctx, db, "SELECT current_setting('server_version_num')::int")
	if err != nil {
		return err
	}
	const forced = 13_00_00
	if version >= forced {
		drop += " WITH (FORCE)"
	} else if _, err := db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, drop)
	return err
}

func mysqlDatabases(cfg Database) serverDialect {
	return serverDialect{
		identity: "SELECT CONCAT_WS(' ', DATABASE(), @@hostname, @@port, @@datadir)",
		folds:    "SELECT @@lower_case_table_names <> 0",
		exists:   "SELECT schema_name FROM information_schema.schemata WHERE LOWER(schema_name) = LOWER(?)",
		creation: "CREATE DATABASE ",
		options:  " CHARACTER SET " + quoteMySQL(cmp.Or(cfg.Charset, "utf8mb4")),
		quote:    quoteMySQL,
		objects:  mysqlObjects,
		tables: func(ctx context.Context, pool gorm.ConnPool) (int, error) {
			tables, err := list(ctx, pool, "SHOW TABLES")
			return len(slices.DeleteFunc(tables, func(name string) bool { return strings.EqualFold(name, registration{}.TableName()) })), err
		},
		drop: dropMySQL,
	}
}

// dropMySQL ends the sessions in a database one by one, as far as the role may see and end
// them. One that is in the middle of a statement lets DROP DATABASE wait.
func dropMySQL(ctx context.Context, db *sql.DB, name string, others bool) error {
	if others {
		sessions, err := list(ctx, db, "SELECT CAST(id AS CHAR) FROM information_schema.processlist WHERE IF(@@lower_case_table_names = 0, BINARY db = ?, BINARY LOWER(db) = LOWER(?))", name, name)
		if err != nil {
			return err
		}
		for _, session := range sessions {
			if err := killMySQL(ctx, db, session); err != nil {
				return err
			}
		}
	}
	_, err := db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+quoteMySQL(name))
	return err
}

// killMySQL ends a session. One that has ended by itself is none (1094), and one of
// another role is out of reach (1095).
func killMySQL(ctx context.Context, db *sql.DB, session string) error {
	if _, err := strconv.ParseUint(session, 10, 64); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "KILL "+session)
	if ddl.MySQLError(err, 1094, 1095) {
		return nil
	}
	return err
}

// quoteMySQL quotes an identifier for MySQL.
func quoteMySQL(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
