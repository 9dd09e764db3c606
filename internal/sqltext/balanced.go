package sqltext

// Balanced reports whether a fragment of a condition closes what it opens and
// nothing more: parentheses and brackets match and never close what was open
// before, strings and quoted names end, and there is neither a comment nor a
// semicolon.
func Balanced(fragment string) bool {
	if hasZero(fragment) {
		return false
	}
	var open [maxDepth]byte
	depth := 0
	s := scanner{src: fragment}
	for {
		t := s.next()
		switch {
		case t.kind == kindEnd:
			return depth == 0 && !s.comment
		case t.kind == kindBad, t.char == ';':
			return false
		case t.char == '(', t.char == '[':
			if depth == maxDepth {
				return false
			}
			open[depth] = t.char
			depth++
		case t.char == ')', t.char == ']':
			if depth == 0 || open[depth-1] != opening(t.char) { //nolint:gosec // depth is at most maxDepth
				return false
			}
			depth--
		}
	}
}

// opening returns the character that a closing one closes.
func opening(c byte) byte {
	if c == ')' {
		return '('
	}
	return '['
}
