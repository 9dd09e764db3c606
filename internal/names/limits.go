package names

import (
	"fmt"
	"unicode/utf8"
)

// Limit returns how long a name may be in dialect, in the units that it counts
// (see [Fits]), or 0 when there is no limit.
func Limit(dialect string) int {
	limit, _ := limitOf(dialect)
	return limit
}

// Fits says why name is too long for dialect, and returns nil when it is not.
// MySQL counts characters, SQL Server counts UTF-16 code units, PostgreSQL
// counts bytes, SQLite has no limit. Any other dialect is held to the limit of
// PostgreSQL.
func Fits(dialect, name string) error {
	limit, unit := limitOf(dialect)
	if limit == 0 || len(name) <= limit {
		return nil // no unit is smaller than a byte
	}
	length := len(name)
	switch unit {
	case "characters":
		length = utf8.RuneCountInString(name)
	case "utf-16 code units":
		length = utf16Len(name)
	}
	if length <= limit {
		return nil
	}
	return fmt.Errorf("name %q is %d %s long: %s allows %d, use a shorter one", name, length, unit, dialect, limit)
}

// limitOf returns the longest name in dialect and what it is counted in.
func limitOf(dialect string) (limit int, unit string) {
	switch dialect {
	case "sqlite":
		return 0, ""
	case "mysql":
		return 64, "characters"
	case "sqlserver":
		return 128, "utf-16 code units"
	default:
		return 63, "bytes"
	}
}

// utf16Len returns the number of UTF-16 code units in s.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++ // a surrogate pair
		}
	}
	return n
}
