package sqltext

import "strings"

// Truncates reports whether a text may hold a TRUNCATE: the word stands in it, outside
// of nothing in particular. A text that has it in a string is a rare one.
func Truncates(query string) bool {
	const word = "truncate"
	for i := 0; i+len(word) <= len(query); i++ {
		if query[i]|0x20 == 't' && strings.EqualFold(query[i:i+len(word)], word) {
			return true
		}
	}
	return false
}
