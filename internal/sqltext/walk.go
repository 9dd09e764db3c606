package sqltext

// maxDepth bounds how deeply parentheses and queries may nest.
const maxDepth = 100

// walker reads one text and records its references to tables. A fault stops
// it: every token after it reads as the end of the text.
type walker struct {
	scan   scanner
	column string // the column conditions are searched for, may be empty
	bound  func(argument int) bool

	cells  [3]token // what the next three point to
	tok    *token   // the token the walk is at
	prev   *token   // the token before it
	before *token   // the token before prev

	refs       []reference
	conditions []comparison // conditions of the clauses being read
	commons    []token      // names of the common table expressions in sight
	scopes     int          // scopes opened so far
	depth      int

	fault      fault
	start, end int // where the fault is
}

// walk reads the whole text.
func (w *walker) walk() {
	if hasZero(w.scan.src) {
		w.fail(faultZero, token{})
		return
	}
	w.next()
	if w.atControl() && Control(w.scan.src) {
		return
	}
	if w.isWord("explain") {
		w.explain()
	}
	if w.tok.kind == kindEnd {
		w.fail(faultEmpty, *w.tok)
	}
	if w.tok.kind == kindWord && !startsStatement(w.tok.key) {
		w.fail(faultStatement, *w.tok)
	}
	w.query()
	semicolon := w.isPunct(';')
	for w.isPunct(';') {
		w.next()
	}
	switch {
	case w.tok.kind == kindEnd:
	case semicolon:
		w.fail(faultSeveral, *w.tok)
	default:
		w.unexpected()
	}
}

// startsStatement reports whether a statement that is handled begins so.
func startsStatement(key keyword) bool {
	switch key {
	case keySelect, keyWith, keyInsert, keyReplace, keyUpdate, keyDelete, keyValues:
		return true
	}
	return false
}

// explain reads EXPLAIN and the words before the statement it explains.
func (w *walker) explain() {
	w.next()
	if w.isWord("query") {
		w.next()
		w.expectWord("plan")
		return
	}
	for w.isWord("analyze") || w.isWord("verbose") {
		w.next()
	}
}

// fail records a fault at a token. The first one counts.
func (w *walker) fail(f fault, at token) {
	if w.fault == noFault {
		w.fault, w.start, w.end = f, at.start, at.end
	}
	*w.tok = token{kind: kindEnd, start: len(w.scan.src), end: len(w.scan.src)}
}

// unexpected fails at the token the walk is at.
func (w *walker) unexpected() {
	switch {
	case w.tok.key == keyTable:
		w.fail(faultTable, *w.tok)
	case w.tok.key == keyInto:
		w.fail(faultInto, *w.tok)
	case w.tok.key == keyFrom:
		w.fail(faultFrom, *w.tok)
	case w.isPunct(';'):
		w.fail(faultSeveral, *w.tok)
	default:
		w.fail(faultUnexpected, *w.tok)
	}
}

// next moves to the next token.
func (w *walker) next() {
	if w.fault != noFault {
		return
	}
	w.tok, w.prev, w.before = w.before, w.tok, w.prev
	w.scan.read(w.tok)
	if w.tok.kind == kindBad {
		w.fail(w.scan.fault, *w.tok)
	}
}

// peek returns the token after the one the walk is at.
func (w *walker) peek() token {
	s := w.scan
	return s.next()
}

// enter counts a level of nesting.
func (w *walker) enter() {
	w.depth++
	if w.depth > maxDepth {
		w.fail(faultDeep, *w.tok)
	}
}

// leave ends a level of nesting.
func (w *walker) leave() { w.depth-- }

func (w *walker) isPunct(c byte) bool {
	return w.tok.kind == kindPunct && w.tok.char == c
}

// isWord reports whether the walk is at a bare word, given in lower case.
func (w *walker) isWord(word string) bool {
	return w.tok.kind == kindWord && equalFold(w.scan.src[w.tok.start:w.tok.end], word)
}

// matches reports whether a token is a bare word, given in lower case.
func (w *walker) matches(t token, word string) bool {
	return t.kind == kindWord && equalFold(w.scan.src[t.start:t.end], word)
}

// expect moves over a keyword.
func (w *walker) expect(key keyword) {
	if w.tok.key != key {
		w.unexpected()
	}
	w.next()
}

// expectWord moves over a bare word.
func (w *walker) expectWord(word string) {
	if !w.isWord(word) {
		w.unexpected()
	}
	w.next()
}

// expectPunct moves over a character of punctuation.
func (w *walker) expectPunct(c byte) {
	if !w.isPunct(c) {
		w.unexpected()
	}
	w.next()
}

// expectName moves over a name and returns it.
func (w *walker) expectName() token {
	name := *w.tok
	if !name.isName() {
		w.unexpected()
	}
	w.next()
	return name
}
