package sqltext

import "strings"

// OneTable reports whether a text names no more tables than the one that a statement is
// about: none of the words that bring in another stands in it, not even in a string or a
// comment, besides those that a statement of its kind begins with. It is for texts whose
// own table is not a list.
func OneTable(query string) bool {
	verb, _, _ := strings.Cut(query, " ")
	selects, froms := 0, 0
	switch strings.ToUpper(verb) {
	case "SELECT":
		selects, froms = 1, 1
	case "DELETE":
		froms = 1
	case "UPDATE", "INSERT":
	default:
		return false
	}
	return occurs(query, "select") == selects && occurs(query, "from") == froms &&
		occurs(query, "join") == 0 && occurs(query, "table") == 0
}

// occurs counts a word of lower-case letters, in any case, also as a part of others.
func occurs(query, word string) int {
	count := 0
	for i := 0; i+len(word) <= len(query); i++ {
		if query[i]|0x20 == word[0] && strings.EqualFold(query[i:i+len(word)], word) {
			count++
		}
	}
	return count
}
