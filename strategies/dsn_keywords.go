package strategies

import (
	"errors"
	"slices"
	"strings"
)

// keywordAddress is "host=localhost port=5432 dbname=app", as PostgreSQL's own library
// reads it (https://www.postgresql.org/docs/current/libpq-connect.html, 34.1.1.1).
type keywordAddress []keyword

type keyword struct{ key, value string }

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
		found = append(found, keyword{key, value})
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
		case c == '\\' && i+1 < len(text):
			i++
			read.WriteByte(text[i])
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

func (a keywordAddress) get(keys ...string) string {
	for _, k := range slices.Backward(a) { // the last one counts
		if slices.Contains(keys, k.key) {
			return k.value
		}
	}
	return ""
}

func (a keywordAddress) server() string {
	host := a.get("host")
	if port := a.get("port"); port != "" {
		host += ":" + port
	}
	return host
}

func (a keywordAddress) database() string { return a.get(databaseKeys...) }

func (a keywordAddress) with(database string) string {
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var written strings.Builder
	for _, k := range a {
		if !slices.Contains(databaseKeys, k.key) {
			written.WriteString(k.key + "='" + escape.Replace(k.value) + "' ")
		}
	}
	return written.String() + "dbname='" + escape.Replace(database) + "'"
}
