package strategies

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// urlAddress is postgres://user:password@host:port,host:port/database?key=value&…, cut as
// PostgreSQL's own library cuts it (https://www.postgresql.org/docs/current/libpq-connect.html,
// 34.1.1.2). Front and parameters are as they were written.
type urlAddress struct {
	front        string // up to the slash before the database
	hosts, ports string // lists, with commas
	name         string // the database in the path
	parameters   []string
}

func urlAddressOf(scheme, rest string) (address, error) {
	invalid := errors.New("the DSN is not a URL; write what is special in its user and password as %XX")
	if strings.Contains(rest, "#") { // some readers end here
		return nil, invalid
	}
	user, servers := "", rest
	if end := strings.IndexAny(rest, "@/"); end >= 0 && rest[end] == '@' {
		user, servers = rest[:end+1], rest[end+1:]
	}
	servers, tail := cutBefore(servers, "/?")
	if strings.ContainsAny(user, "?[") || strings.Contains(servers, "@") || strings.Count(servers, "[") != strings.Count(servers, "]") || !escaped(user+servers+tail) {
		return nil, invalid
	}
	a := urlAddress{front: scheme + user + servers}
	a.hosts, a.ports = hostsAndPorts(servers)
	path, parameters, _ := strings.Cut(tail, "?")
	a.name = component(strings.TrimPrefix(path, "/"))
	if parameters != "" {
		a.parameters = strings.Split(parameters, "&")
	}
	return a, nil
}

// hostsAndPorts takes host:port,[host]:port apart.
func hostsAndPorts(servers string) (hosts, ports string) {
	var all, numbers []string
	for server := range strings.SplitSeq(servers, ",") {
		host, port := cutBefore(server, ":")
		if strings.HasPrefix(server, "[") {
			host, port = cutBefore(server[1:], "]")
			port = strings.TrimPrefix(port, "]")
		}
		all, numbers = append(all, host), append(numbers, strings.TrimPrefix(port, ":"))
	}
	hosts, ports = strings.Join(all, ","), strings.Join(numbers, ",")
	if len(all) > 1 && strings.Trim(ports, ",") == "" {
		ports = "5432" // for each, whatever the environment says
	}
	return component(hosts), component(ports)
}

func (a urlAddress) server() string { return postgresServer(a.parameter) }

// parameter is the last one of a name: the last one counts, and counts more than what is before
// the question mark.
func (a urlAddress) parameter(key string) string {
	for _, written := range slices.Backward(a.parameters) {
		if name, value, _ := strings.Cut(written, "="); component(name) == key {
			return component(value)
		}
	}
	return map[string]string{"host": a.hosts, "port": a.ports}[key]
}

func (a urlAddress) database() string {
	for _, written := range slices.Backward(a.parameters) {
		if namesDatabase(written) {
			_, value, _ := strings.Cut(written, "=")
			return component(value)
		}
	}
	return a.name
}

func (a urlAddress) with(database string) string {
	dsn := a.front + "/" + url.PathEscape(database)
	if kept := slices.DeleteFunc(slices.Clone(a.parameters), namesDatabase); len(kept) > 0 {
		dsn += "?" + strings.Join(kept, "&")
	}
	return dsn
}

// namesDatabase reports whether a parameter says which database is meant.
func namesDatabase(written string) bool {
	key, _, _ := strings.Cut(written, "=")
	return slices.Contains(databaseKeys, component(key))
}

// component reads a part of a URL, without the spaces around it.
func component(text string) string { return unescaped(strings.Trim(text, " ")) }

// escaped reports whether each percent sign begins an escape.
func escaped(text string) bool {
	_, err := url.PathUnescape(text)
	return err == nil
}

// unescaped reads what is escaped. A plus is a plus there.
func unescaped(text string) string {
	read, err := url.PathUnescape(text)
	if err != nil {
		return text
	}
	return read
}

// cutBefore cuts text before the first of some characters.
func cutBefore(text, characters string) (before, rest string) {
	if end := strings.IndexAny(text, characters); end >= 0 {
		return text[:end], text[end:]
	}
	return text, ""
}
