package strategies

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"strings"
)

// mysqlAddress is user:password@tcp(host:port)/database?parameters, cut as the driver
// cuts it: at the last slash, which is escaped everywhere behind it.
type mysqlAddress struct{ front, network, at, name, parameters string }

func mysqlAddressOf(dsn string) (address, error) {
	slash := strings.LastIndexByte(dsn, '/')
	if slash < 0 {
		return nil, errors.New("the DSN has no slash before the database's name")
	}
	name, parameters := cutBefore(dsn[slash+1:], "?")
	if !escaped(name) {
		return nil, errors.New("the database's name in the DSN is not escaped; write what is special in it as %XX")
	}
	front := dsn[:slash]
	network, at, listed := strings.Cut(front[strings.LastIndexByte(front, '@')+1:], "(")
	at, closed := strings.CutSuffix(at, ")")
	if listed != closed || strings.Contains(network, ":") { // a password, perhaps
		return nil, errors.New("the DSN has no address of a server; write it as user:password@tcp(host:3306)/")
	}
	return mysqlAddress{front, network, at, unescaped(name), parameters}, nil
}

// server fills in what the driver does.
func (a mysqlAddress) server() string {
	network, at := cmp.Or(a.network, "tcp"), a.at
	switch network {
	case "tcp":
		at = cmp.Or(at, "127.0.0.1")
		if _, _, err := net.SplitHostPort(at); err != nil {
			at = net.JoinHostPort(at, "3306")
		}
	case "unix":
		at = cmp.Or(at, "/tmp/mysql.sock")
	}
	return network + "(" + at + ")"
}

func (a mysqlAddress) database() string { return a.name }

func (a mysqlAddress) with(database string) string {
	return a.front + "/" + url.PathEscape(database) + a.parameters
}
