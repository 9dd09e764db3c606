package names

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Override says why name cannot be the schema or database that a user chose
// himself, and returns nil when it can. Such a name has ASCII letters, digits,
// underscores and hyphens, begins with a letter or an underscore, is at most
// limit bytes long (0 for no limit) and is not reserved.
//
// It cannot tell whether another tenant has the same name.
func Override(name string, limit int) error {
	if name == "" {
		return errors.New("name is empty: use at least one letter")
	}
	if limit > 0 && len(name) > limit {
		return fmt.Errorf("name %q is %d bytes long: use at most %d", name, len(name), limit)
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case isLower(c) || isUpper(c) || c == '_':
		case i == 0:
			return fmt.Errorf("name %q begins with %q: begin it with a letter or an underscore", name, firstRune(name))
		case isDigit(c) || c == '-':
		default:
			return fmt.Errorf("name %q has %q at byte %d: use letters a to z, digits, underscores and hyphens",
				name, firstRune(name[i:]), i)
		}
	}
	if Reserved(name) {
		return fmt.Errorf("name %q belongs to a database system: choose another", name)
	}
	return nil
}

// firstRune returns the first character of s, or U+FFFD when s does not begin
// with valid UTF-8.
func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// Column reports whether name can be the name of a column: letters, digits and
// underscores, not beginning with a digit.
func Column(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
