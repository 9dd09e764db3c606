package sqltext

import "strings"

// Truncates reports whether a text may hold a TRUNCATE: whether the word stands anywhere
// in it, in a string or a comment as well.
func Truncates(query string) bool {
	const word = "truncate"
	for i := 0; i+len(word) <= len(query); i++ {
		if query[i]|0x20 == 't' && strings.EqualFold(query[i:i+len(word)], word) {
			return true
		}
	}
	return false
}
