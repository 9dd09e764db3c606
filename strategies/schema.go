package strategies

import (
	"fmt"
	"slices"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/names"
)

// Schema gives each tenant a set of tables of its own in one database.
//
// On PostgreSQL the set is a schema: tenant_acme. Statements that GORM builds name it,
// and all others find it by search_path, which is set for the length of each statement
// or transaction and never for a session. public is not on that path. Shared models
// are named with their own schema; raw SQL has to name it, too (tenancy.Table).
//
// On SQL Server the set is a schema, too, and every statement that GORM builds names it.
// There is no search_path: raw SQL, and parts of a statement that are written as text and
// name a table, are refused with [tenancy.ErrRawSQL]. The SQL was checked against the
// driver's output, and not on a server.
//
// On MySQL and MariaDB a schema is a database, so the set is one that [Database] makes and
// opens, as the field Database says, and all that it documents holds; Name says so.
//
// On SQLite, and on dialects that this package does not know, the set is made by a
// prefix: the table users of the tenant acme is t_acme__users. Raw SQL is given the
// tenant's names where each table in it can be told with certainty; other texts are
// refused with [tenancy.ErrRawSQL].
//
// The zero value is ready, but for MySQL and MariaDB. It is a value; one may serve several
// handles.
type Schema struct {
	// SharedSchema is where the shared models are. Empty: "public" on PostgreSQL, "dbo" on
	// SQL Server.
	SharedSchema string
	// Extensions are schemas that follow the tenant's own on the search_path, for the
	// functions, types and operators of extensions. PostgreSQL only. Default: none.
	// A table in one of them is seen by every tenant.
	Extensions []string
	// Database says how the tenants' databases are opened. MySQL and MariaDB only, where it
	// is required.
	Database Database
}

// Name returns "schema", or "schema by database" where the field Database is set.
func (s Schema) Name() string {
	if s.Database.Open != nil {
		return "schema by database"
	}
	return "schema"
}

func (s Schema) sharedSchema() string {
	if s.SharedSchema == "" {
		return "public"
	}
	return s.SharedSchema
}

// Install implements [tenancy.Strategy].
func (s Schema) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	if s.Database.Open != nil && in.Dialect() != "mysql" {
		return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: fmt.Sprintf("Schema.Database is for MySQL and MariaDB; leave it empty on %q, or use strategies.Database itself", in.Dialect())}
	}
	switch in.Dialect() {
	case "postgres":
		if slices.Contains(s.Extensions, "public") {
			return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "public cannot be in Schema.Extensions: a table that a tenant lacks would be found there; move the extensions to a schema of their own"}
		}
		if err := names.Fits("postgres", s.sharedSchema()); err != nil {
			return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Cause: err}
		}
		return newSchemas(in, s), nil
	case "sqlserver":
		return newSQLServer(in, s)
	case "mysql":
		if s.Database.Open == nil {
			return nil, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: "on MySQL and MariaDB a schema is a database, and strategies.Schema has to know how to open it; set Schema.Database, for example to strategies.Database{Open: mysql.Open, DSN: dsn}"}
		}
		return s.Database.Install(in)
	case "sqlite":
		return &prefixFleet{&prefix{in: in, turn: make(chan struct{}, 1)}}, nil
	default:
		return &prefix{in: in}, nil
	}
}
