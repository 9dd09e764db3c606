package sqltext

import "strings"

// body returns the text of a name without its quotes; doubled quotes stay.
func body(src string, t token) string {
	if t.kind == kindQuoted {
		return src[t.start+1 : t.end-1]
	}
	return src[t.start:t.end]
}

// unquote returns the name that a token stands for.
func unquote(src string, t token) string {
	name := body(src, t)
	if t.kind != kindQuoted || src[t.start] == '[' {
		return name
	}
	quote := src[t.start]
	if strings.IndexByte(name, quote) < 0 {
		return name
	}
	single := string(rune(quote))
	return strings.ReplaceAll(name, single+single, single)
}

// sameName reports whether two tokens are the same name in any case.
func sameName(src string, a, b token) bool {
	return equalFold(unquote(src, a), unquote(src, b))
}

// sameSpelling reports whether every dialect takes two tokens for the same
// name: bytes and quotes agree, or the quotes make no difference.
func sameSpelling(src string, a, b token) bool {
	name := unquote(src, a)
	if name != unquote(src, b) {
		return false
	}
	return a.kind == b.kind || isPlainLower(name)
}

// isPlainLower reports whether a name is the same with and without quotes.
func isPlainLower(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '_' && !isDigit(c) && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
