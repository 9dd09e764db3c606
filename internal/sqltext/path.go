package sqltext

import (
	"regexp"
	"strings"
)

var (
	comments = regexp.MustCompile(`(?s)/\*.*?\*/|--[^\n]*`)
	changes  = regexp.MustCompile(`\b(re)?set\b`)
	// moves are the other ways to leave the path: its older name, and all settings at once.
	moves = regexp.MustCompile(`\bset\s+((session|local)\s+)?(schema\b|u&)|\breset\s+all\b|\bdiscard\s+all\b`)
	// named are calls for a setting that can be read here, and is not the path.
	called = regexp.MustCompile(`\bset_config\b`)
	named  = regexp.MustCompile(`\bset_config"?\s*\(\s*'[a-z0-9_]+\.[a-z0-9_.]+'`)
)

// Repaths reports whether a text of PostgreSQL may change search_path: whether the words for it
// stand anywhere in it, in a string as well. A text that is put together inside the database
// from pieces is not seen through.
func Repaths(query string) bool {
	text := strings.ToLower(query)
	if !strings.Contains(text, "set") && !strings.Contains(text, "discard") {
		return false
	}
	for _, text := range []string{text, comments.ReplaceAllString(text, " ")} {
		if strings.Contains(text, "search_path") && changes.MatchString(text) || moves.MatchString(text) || configures(text) {
			return true
		}
	}
	return false
}

// Configures is the part of Repaths that a condition can be: a call of set_config for the path, or
// for what cannot be read here.
func Configures(query string) bool {
	text := strings.ToLower(query)
	return strings.Contains(text, "set_config") && (configures(text) || configures(comments.ReplaceAllString(text, " ")))
}

func configures(text string) bool {
	return len(called.FindAllStringIndex(text, -1)) > len(named.FindAllStringIndex(text, -1))
}
