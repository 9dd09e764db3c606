package strategies

import (
	"cmp"
	"net"
	"os"
	"strings"
)

// address is a DSN taken apart as far as this package has to know it.
type address interface {
	// server names the server, without a user or a password. Two addresses with different
	// names may still lead to one server; two with one name do not lead to different ones.
	server() string
	// database is the database that the DSN names; empty for none.
	database() string
	// with is the DSN with another database, and all else as it was, letter by letter.
	with(database string) string
}

// addressOf reads a DSN of PostgreSQL, as a URL or in keywords, or of MySQL. Its errors
// do not quote the DSN: there may be a password in it.
func addressOf(dialect, dsn string) (address, error) {
	if dialect == "mysql" {
		return mysqlAddressOf(dsn)
	}
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(dsn, scheme); ok {
			return urlAddressOf(scheme, rest)
		}
	}
	return keywordAddressOf(dsn)
}

// databaseKeys are the words by which a parameter names the database.
var databaseKeys = []string{"dbname", "database"}

// postgresServer names a server by all that says where it is: parameters, and for those that
// are not given the environment, as PostgreSQL's own library reads it
// (https://www.postgresql.org/docs/current/libpq-envars.html).
func postgresServer(parameter func(key string) string) string {
	given := func(key, environment string) string { return cmp.Or(parameter(key), os.Getenv(environment)) }
	server, ports := given("host", "PGHOST"), given("port", "PGPORT")
	service := given("service", "PGSERVICE")
	if ports == "" && service == "" {
		ports = "5432"
	}
	if ports != "" {
		server = net.JoinHostPort(server, ports)
	}
	if numeric := given("hostaddr", "PGHOSTADDR"); numeric != "" {
		server += " at " + numeric
	}
	if service != "" {
		server += " by the service " + service
	}
	if file := given("servicefile", "PGSERVICEFILE"); service != "" && file != "" {
		server += " in " + file
	}
	return server
}
