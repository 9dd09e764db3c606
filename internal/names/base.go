package names

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

const (
	// SchemaPrefix begins the name of each tenant's schema, database or file.
	SchemaPrefix = "tenant_"
	// tablePrefix begins the name of each table of a tenant that shares its
	// schema with others.
	tablePrefix = "t_"
	// Separator stands between the base and the table. No base contains it.
	Separator = "__"
)

const (
	// maxStem is the length in bytes of the longest readable part of a hashed
	// name.
	maxStem = 24
	// hashBytes is how much of the SHA-256 of an ID is in a hashed name. It
	// makes hashLen characters of base32 without a remainder.
	hashBytes = 10
)

// base32hex is the "extended hex" alphabet of RFC 4648 in lower case.
var base32hex = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// Base returns the name that belongs to the tenant id alone: no other ID has
// it, whatever the slugs.
//
// An id that is a [Slug] is its own base if slug is empty or equal to it. Every
// other base is hashed: a readable stem, taken from slug or else from id, then
// an underscore and a hash of the whole id.
//
// It fails when id is not [Valid], and when slug is neither empty nor of the
// slug form, or is reserved.
func Base(id, slug string) (string, error) {
	if (slug == "" || slug == id) && Slug(id) {
		return id, nil // every Slug is Valid
	}
	if err := Valid(id); err != nil {
		return "", err
	}
	if slug == "" {
		return hashed(id, id), nil
	}
	if err := checkSlug(slug); err != nil {
		return "", err
	}
	return hashed(slug, id), nil
}

// checkSlug says why slug cannot be the readable part of a name. A slug that
// looks like a hashed name can be, because a hash follows it.
func checkSlug(slug string) error {
	const advice = "leave Slug empty or use lower-case letters, digits and single underscores"
	switch {
	case len(slug) > maxSlug:
		return fmt.Errorf("slug is %d bytes long, more than %d: %s", len(slug), maxSlug, advice)
	case !slugForm(slug):
		return fmt.Errorf("slug %q is malformed: %s, beginning with a letter", slug, advice)
	case Reserved(slug):
		return fmt.Errorf("slug %q belongs to a database system: %s that make another name", slug, advice)
	}
	return nil
}

// hashed returns the stem of readable, an underscore and the hash of id.
func hashed(readable, id string) string {
	var buf [maxStem + 1 + hashLen]byte
	name := appendStem(buf[:0], readable)
	name = append(name, '_')
	sum := sha256.Sum256([]byte(id))
	return string(base32hex.AppendEncode(name, sum[:hashBytes]))
}

// appendStem appends to dst, which is empty, what a person can recognize of s:
// its ASCII letters in lower case and its digits, with one underscore for each
// run of anything else between them, up to 24 bytes. An "x" goes before a digit that
// would be the first, and stands alone where nothing is left.
func appendStem(dst []byte, s string) []byte {
	gap := false // an underscore is due before the next character
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isUpper(c) {
			c += 'a' - 'A'
		}
		if !isLower(c) && !isDigit(c) {
			gap = len(dst) > 0
			continue
		}
		if gap {
			if len(dst)+2 > maxStem {
				break
			}
			dst = append(dst, '_')
			gap = false
		}
		if len(dst) == 0 && isDigit(c) {
			dst = append(dst, 'x')
		}
		dst = append(dst, c)
		if len(dst) == maxStem {
			break
		}
	}
	if len(dst) == 0 {
		return append(dst, 'x')
	}
	return dst
}

// Container returns the name of the schema, database or file (without its
// extension) of the tenant with that base.
func Container(base string) string {
	return SchemaPrefix + base
}

// Prefix returns what precedes the name of each table of the tenant with that
// base. The prefix of one tenant never begins the prefix of another.
func Prefix(base string) string {
	return tablePrefix + base + Separator
}

// Logical returns what the name of a table is without a tenant's prefix, and whether it
// has one.
func Logical(table string) (logical string, prefixed bool) {
	if !strings.HasPrefix(table, tablePrefix) {
		return table, false
	}
	_, logical, prefixed = strings.Cut(table, Separator)
	if !prefixed {
		return table, false
	}
	return logical, true
}
