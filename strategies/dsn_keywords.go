package strategies

import (
	"errors"
	"slices"
	"strings"
)

// keywordAddress is "host=localhost port=5432 dbname=app", as PostgreSQL's own library
// reads it (https://www.postgresql.org/docs/current/libpq-connect.html, 34.1.1.1).
type keywordAddress []keyword

type keyword struct{ key, value, written string }

const blanks = " \t\n\r\f\v"

func keywordAddressOf(dsn string) (address, error) {
	var found keywordAddress
	for rest := strings.TrimLeft(dsn, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		key, after, ok := strings.Cut(rest, "=")
		key = strings.TrimRight(key, blanks)
		if !ok || key == "" || strings.ContainsAny(key, blanks) {
			return nil, errors.New("the DSN is neither a URL nor a list of key=value")
		}
		value, left, err := keywordValue(strings.TrimLeft(after, blanks))
		if err != nil {
			return nil, err
		}
		found = append(found, keyword{key, value, rest[:len(rest)-len(left)]})
		rest = left
	}
	return found, nil
}

// keywordValue reads one value, in quotes or up to a blank, and returns what follows it.
func keywordValue(text string) (value, rest string, err error) {
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	var read strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			if i++; i < len(text) { // one at the end is dropped
				read.WriteByte(text[i])
			}
		case quoted && c == '\'':
			return read.String(), text[i+1:], nil
		case !quoted && strings.IndexByte(blanks, c) >= 0:
			return read.String(), text[i:], nil
		default:
			read.WriteByte(c)
		}
	}
	if quoted {
		return "", "", errors.New("the DSN has a quote that nothing ends")
	}
	return read.String(), "", nil
}

func (a keywordAddress) server() string {
	return postgresServer(func(key string) string { return a.parameter(key) })
}

// parameter is the last one of some names: the last one counts.
func (a keywordAddress) parameter(keys ...string) string {
	for _, k := range slices.Backward(a) {
		if slices.Contains(keys, k.key) {
			return k.value
		}
	}
	return ""
}

func (a keywordAddress) database() string { return a.parameter(databaseKeys...) }

func (a keywordAddress) with(database string) string {
	written := []string{"dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database) + "'"}
	for _, k := range a {
		if !slices.Contains(databaseKeys, k.key) {
			written = append(written, k.written)
		}
	}
	return strings.Join(written, " ")
}
