package strategies

import (
	"errors"
	"net/url"
	"strings"
)

// address is a DSN taken apart as far as this package has to know it.
type address interface {
	// server names the server for people, without a password.
	server() string
	// database is the database that the DSN names; empty for none.
	database() string
	// with is the DSN with another database, and all else as it was.
	with(database string) string
}

// addressOf reads a DSN of PostgreSQL, as a URL or in keywords, or of MySQL. Its errors
// do not quote the DSN: there may be a password in it.
func addressOf(dialect, dsn string) (address, error) {
	switch {
	case dialect == "mysql":
		return mysqlAddressOf(dsn)
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		return urlAddressOf(dsn)
	default:
		return keywordAddressOf(dsn)
	}
}

// urlAddress is a URL of PostgreSQL.
type urlAddress struct{ url url.URL }

func urlAddressOf(dsn string) (address, error) {
	u, err := url.Parse(dsn)
	if err != nil { // it may quote the password
		return nil, errors.New("the DSN is not a URL; write what is special in its user and password as %XX")
	}
	return urlAddress{*u}, nil
}

func (a urlAddress) server() string { return a.url.Host }

func (a urlAddress) database() string {
	query := a.url.Query()
	for _, key := range databaseKeys {
		if query.Has(key) {
			return query.Get(key)
		}
	}
	return strings.TrimPrefix(a.url.Path, "/")
}

func (a urlAddress) with(database string) string {
	u := a.url
	u.Path, u.RawPath = "/"+database, ""
	query := u.Query()
	for _, key := range databaseKeys {
		if query.Has(key) {
			query.Del(key)
			u.RawQuery = query.Encode()
		}
	}
	return u.String()
}

// databaseKeys are the words by which a parameter names the database.
var databaseKeys = []string{"dbname", "database"}

// mysqlAddress is user:password@tcp(host:port)/database?parameters, cut as the driver
// cuts it: at the last slash, which is escaped everywhere behind it.
type mysqlAddress struct{ front, name, parameters string }

func mysqlAddressOf(dsn string) (address, error) {
	slash := strings.LastIndexByte(dsn, '/')
	if slash < 0 {
		return nil, errors.New("the DSN has no slash before the database's name")
	}
	escaped, _, _ := strings.Cut(dsn[slash+1:], "?")
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, errors.New("the database's name in the DSN is not escaped; write what is special in it as %XX")
	}
	network, _, _ := strings.Cut(dsn[strings.LastIndexByte(dsn[:slash], '@')+1:slash], "(")
	if strings.Contains(network, ":") { // a password, perhaps
		return nil, errors.New("the DSN has no address of a server; write it as user:password@tcp(host:3306)/")
	}
	return mysqlAddress{front: dsn[:slash], name: name, parameters: dsn[slash+1+len(escaped):]}, nil
}

func (a mysqlAddress) server() string { return a.front[strings.LastIndexByte(a.front, '@')+1:] }

func (a mysqlAddress) database() string { return a.name }

func (a mysqlAddress) with(database string) string {
	return a.front + "/" + url.PathEscape(database) + a.parameters
}
