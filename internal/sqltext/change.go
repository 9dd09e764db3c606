package sqltext

// insert reads an INSERT or REPLACE.
func (w *walker) insert() {
	sc := w.open()
	w.next()
	if w.tok.key == keyOr {
		w.next()
		w.next()
	}
	for w.tok.key == keyIgnore || w.isWord("low_priority") || w.isWord("high_priority") || w.isWord("delayed") {
		w.next()
	}
	w.expect(keyInto)
	target := w.table(&sc, roleInsert)
	if w.isPunct('(') && !w.opensQuery() {
		w.group(token{})
	}
	if w.isWord("overriding") {
		w.next()
		w.next()
		w.expectWord("value")
	}
	w.output()
	switch {
	case w.tok.key == keyDefault:
		w.next()
		w.expect(keyValues)
	case w.tok.key == keySet, w.isWord("value"):
		w.next()
		w.content(nil)
	default:
		w.query()
	}
	for w.tok.key == keyOn {
		conflict := w.upsert()
		if conflict && target >= 0 && target < len(w.refs) {
			w.refs[target].conflict = true
		}
	}
	w.returning(&clause{closed: true})
}

// opensQuery reports whether the parenthesis the walk is at opens a query.
func (w *walker) opensQuery() bool {
	t := w.peek()
	return t.key == keySelect || t.key == keyWith || t.key == keyValues ||
		t.kind == kindPunct && t.char == '('
}

// upsert reads ON CONFLICT or ON DUPLICATE KEY UPDATE after an INSERT.
func (w *walker) upsert() (conflict bool) {
	w.next()
	if w.isWord("duplicate") {
		w.next()
		w.expectWord("key")
		w.expect(keyUpdate)
		w.content(nil)
		return false
	}
	w.expectWord("conflict")
	if w.tok.key == keyOn {
		w.next()
		w.expectWord("constraint")
		w.expectName()
	} else if w.isPunct('(') {
		w.group(token{})
		w.guard()
	}
	w.expect(keyDo)
	if w.isWord("nothing") {
		w.next()
		return true
	}
	w.expect(keyUpdate)
	w.expect(keySet)
	w.content(nil)
	w.guard()
	return true
}

// guard reads a WHERE that narrows no table, up to DO or the next clause.
func (w *walker) guard() {
	if w.tok.key == keyWhere {
		w.next()
		w.content(nil)
	}
}

// returning reads the RETURNING of a statement.
func (w *walker) returning(c *clause) {
	if w.tok.key == keyReturning {
		w.next()
		w.content(c)
	}
}

// update reads an UPDATE.
func (w *walker) update() {
	sc := w.open()
	w.next()
	if w.tok.key == keyOr {
		w.next()
		w.next()
	}
	for w.tok.key == keyIgnore || w.isWord("low_priority") {
		w.next()
	}
	w.tables(&sc, roleTarget)
	w.expect(keySet)
	w.content(nil)
	if w.tok.key == keyFrom {
		w.next()
		w.tables(&sc, roleTable)
	}
	w.finish(&sc)
}

// delete reads a DELETE. Before FROM it may list names of its tables.
func (w *walker) delete() {
	sc := w.open()
	w.next()
	for w.isWord("low_priority") || w.isWord("quick") || w.tok.key == keyIgnore {
		w.next()
	}
	if w.tok.key != keyFrom {
		w.targets()
	}
	w.expect(keyFrom)
	w.tables(&sc, roleTarget)
	w.output()
	if w.tok.key == keyUsing {
		w.next()
		w.tables(&sc, roleTable)
	}
	w.finish(&sc)
}

// targets reads the names that a DELETE of several tables lists.
func (w *walker) targets() {
	for {
		w.expectName()
		if w.isPunct('.') {
			w.next()
			w.expectPunct('*')
		}
		if !w.isPunct(',') {
			return
		}
		w.next()
	}
}

// finish reads the end of an UPDATE or DELETE, from its WHERE on.
func (w *walker) finish(sc *scope) {
	c := w.where(sc)
	w.tail(&c)
	w.returning(&c)
	w.tail(&c)
	w.narrow(&c)
}
