package sqltext

import (
	"regexp"
	"strings"
)

var (
	comments = regexp.MustCompile(`(?s)/\*.*?\*/|--[^\n\r]*`)
	changes  = regexp.MustCompile(`\b(re)?set\b`)
	// moves are the other ways to leave the path: its older name, and all settings at once.
	moves = regexp.MustCompile(`\bset\s+((session|local)\s+)?(schema\b\s*['"$a-z_]|u&)|\breset\s+all\b|\bdiscard\s+all\b`)
	// called are calls of set_config, and named those for a setting that can be read here, and is
	// not the path.
	called = regexp.MustCompile(`\bset_config\b`)
	named  = regexp.MustCompile(`\bset_config"?\s*\(\s*'[a-z0-9_]+\.[a-z0-9_.]+'`)
)

// Repaths reports whether a text of PostgreSQL may change search_path: whether the words for it
// stand anywhere in it, in a string as well, or may, written as escapes or around comments in
// comments. A text that is put together inside the database from pieces is not seen through.
func Repaths(query string) bool {
	if !contains(query, "set") && !contains(query, "discard") && !contains(query, escapes) {
		return false
	}
	text := strings.ToLower(query)
	bare := comments.ReplaceAllString(text, " ")
	for _, text := range []string{text, bare} {
		if strings.Contains(text, "search_path") && changes.MatchString(text) || moves.MatchString(text) || configures(text) {
			return true
		}
	}
	return strings.Contains(bare, "*/") || strings.Contains(text, escapes)
}

// escapes begin a name that is written by the numbers of its letters.
const escapes = `u&"`

// Configures is the part of Repaths that a condition can be: a call of set_config for the path, or
// for what cannot be read here.
func Configures(query string) bool {
	if contains(query, escapes) {
		return true
	}
	if !contains(query, "set_config") {
		return false
	}
	text := strings.ToLower(query)
	return configures(text) || configures(comments.ReplaceAllString(text, " "))
}

func configures(text string) bool {
	return len(called.FindAllStringIndex(text, -1)) > len(named.FindAllStringIndex(text, -1))
}

// contains reports whether a word, in lower case, is somewhere in a text, in any case. It allocates
// nothing: every statement is asked.
func contains(text, word string) bool {
	for ; len(text) >= len(word); text = text[1:] {
		if text[0]|' ' == word[0] && equalFold(text[:len(word)], word) {
			return true
		}
	}
	return false
}
