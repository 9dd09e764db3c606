package sqltext

// atControl reports whether the walk is at a word that begins a statement
// which controls the transaction it runs in.
func (w *walker) atControl() bool {
	return w.tok.key == noKey && (w.isWord("savepoint") || w.isWord("save") || w.isWord("release") || w.isWord("rollback"))
}

// Control reports whether query only controls the transaction it runs in:
// SAVEPOINT x, RELEASE [SAVEPOINT] x or ROLLBACK TO [SAVEPOINT] x, and in T-SQL SAVE
// TRANSACTION x or ROLLBACK TRANSACTION x. A trailing semicolon, space and comments are
// allowed.
func Control(query string) bool {
	if hasZero(query) {
		return false
	}
	s := scanner{src: query}
	is := func(t token, word string) bool {
		return t.kind == kindWord && equalFold(query[t.start:t.end], word)
	}
	t := s.next()
	switch {
	case is(t, "savepoint"):
		t = s.next()
	case is(t, "release"):
		t = s.next()
		if is(t, "savepoint") {
			t = s.next()
		}
	case is(t, "rollback"):
		switch t = s.next(); {
		case is(t, "transaction"):
			t = s.next()
		case is(t, "to"):
			if t = s.next(); is(t, "savepoint") {
				t = s.next()
			}
		default:
			return false
		}
	case is(t, "save"):
		if !is(s.next(), "transaction") {
			return false
		}
		t = s.next()
	default:
		return false
	}
	if !t.isName() {
		return false
	}
	t = s.next()
	for t.kind == kindPunct && t.char == ';' {
		t = s.next()
	}
	return t.kind == kindEnd
}
