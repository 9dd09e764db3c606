package sqltext

// tables reads a list of tables. The first of them has the given role.
func (w *walker) tables(sc *scope, first role) {
	w.joined(sc, first)
	for w.isPunct(',') {
		w.next()
		w.joined(sc, roleTable)
	}
}

// joined reads a table and those joined to it.
func (w *walker) joined(sc *scope, first role) {
	w.table(sc, first)
	for w.atJoin() {
		kept := w.join()
		ref := w.table(sc, roleTable)
		if kept {
			ref = -1
		}
		w.constraints(sc, ref)
	}
}

// atJoin reports whether a join begins at the token the walk is at.
func (w *walker) atJoin() bool {
	return isJoinWord(w.tok.key) || w.tok.key == keyJoin
}

// isJoinWord reports whether a keyword begins a join, other than JOIN itself.
func isJoinWord(key keyword) bool {
	switch key {
	case keyNatural, keyLeft, keyRight, keyFull, keyInner, keyCross, keyOuter, keyStraightJoin:
		return true
	}
	return false
}

// join reads the words of a join. It reports whether rows of the joined table
// are kept even where its condition does not hold.
func (w *walker) join() (kept bool) {
	if w.tok.key == keyStraightJoin {
		w.next()
		return false
	}
	for isJoinWord(w.tok.key) {
		kept = kept || w.tok.key == keyRight || w.tok.key == keyFull
		w.next()
	}
	w.expect(keyJoin)
	return kept
}

// constraints reads what follows a joined table: ON and USING. Only the first
// ON belongs to the table itself.
func (w *walker) constraints(sc *scope, ref int) {
	for {
		switch {
		case w.tok.key == keyOn && !w.atUpsert():
			w.next()
			c := clause{scope: *sc, ref: ref, on: true, mark: len(w.conditions)}
			w.content(&c)
			w.narrow(&c)
		case w.tok.key == keyUsing && w.peek().char == '(':
			w.next()
			w.group(token{})
		default:
			return
		}
		ref = -1
	}
}

// atUpsert reports whether the ON the walk is at belongs to an INSERT.
func (w *walker) atUpsert() bool {
	s := w.scan
	switch t := s.next(); {
	case w.matches(t, "conflict"):
		after := s.next()
		return after.char == '(' || after.key == keyOn || after.key == keyDo
	case w.matches(t, "duplicate"):
		return w.matches(s.next(), "key")
	}
	return false
}

// table reads one item of a list of tables and returns its reference, or -1
// when it is a join in parentheses.
func (w *walker) table(sc *scope, r role) int {
	lateral := false
	if w.isWord("only") && w.namesTable(w.peek()) {
		w.next()
	} else if w.isWord("lateral") && w.namesTable(w.peek()) {
		lateral = true
		w.next()
	}
	if w.isPunct('(') && r != roleInsert {
		return w.tableGroup(sc)
	}
	name := w.expectName()
	ref := reference{role: r, start: name.start, end: name.end, name: name}
	for w.isPunct('.') {
		w.next()
		if w.tok.kind != kindWord && w.tok.kind != kindQuoted {
			w.unexpected()
		}
		ref.name, ref.qualified, ref.end = *w.tok, true, w.tok.end
		w.next()
	}
	switch {
	case w.isPunct('(') && r == roleTable:
		ref.role = roleFunction
		w.function(ref.name)
	case lateral:
		w.unexpected()
	case !ref.qualified && w.isCommon(ref.name):
		if r != roleTable {
			w.fail(faultTarget, ref.name)
		}
		ref.role = roleCommon
	}
	i := w.add(sc, ref)
	w.alias(i)
	if ref.isTable() {
		w.hints()
	}
	return i
}

// namesTable reports whether a token after ONLY or LATERAL goes on with a
// table, so that the word is not itself the name of one.
func (w *walker) namesTable(t token) bool {
	return t.isName() || t.kind == kindPunct && t.char == '('
}

// function reads the arguments of a function in the place of a table.
func (w *walker) function(name token) {
	if isForbidden(unquote(w.scan.src, name)) {
		w.fail(faultFunction, name)
	}
	w.group(name)
	if w.tok.key == keyWith {
		w.next()
		w.expectWord("ordinality")
	}
}

// alias reads the alias of a reference, if it has one.
func (w *walker) alias(i int) {
	if w.tok.key == keyAs {
		w.next()
		if w.isPunct('(') && w.refs[i].role == roleFunction {
			w.group(token{})
			return
		}
	} else if !w.tok.isName() || w.refs[i].role == roleInsert || w.atOutput() {
		return
	}
	alias := w.expectName()
	w.refs[i].alias, w.refs[i].aliased = alias, true
	if w.isPunct('(') && w.refs[i].role != roleInsert {
		w.refs[i].columns = true
		w.group(token{})
	}
}

// hints reads what a dialect allows after a table and its alias.
func (w *walker) hints() {
	for {
		switch w.tok.key {
		case keyIndexed:
			w.next()
			w.expectWord("by")
			w.expectName()
		case keyNot:
			w.next()
			w.expect(keyIndexed)
		case keyUse, keyForce, keyIgnore:
			w.indexHint()
		case keyPartition, keyTableSample:
			w.fail(faultPartition, *w.tok)
		default:
			return
		}
	}
}

// indexHint reads USE INDEX (…) and its like.
func (w *walker) indexHint() {
	w.next()
	if !w.isWord("index") {
		w.expectWord("key")
	} else {
		w.next()
	}
	if w.tok.key == keyFor {
		w.next()
		if w.tok.key == keyJoin {
			w.next()
		} else {
			w.next()
			w.expectWord("by")
		}
	}
	if !w.isPunct('(') {
		w.unexpected()
	}
	w.group(token{})
}

// tableGroup reads parentheses in the place of a table: a query, or a join.
func (w *walker) tableGroup(sc *scope) int {
	w.enter()
	defer w.leave()
	w.next()
	derived := -1
	if w.startsQuery() {
		w.query()
		derived = w.add(sc, reference{role: roleDerived})
	} else {
		items := sc.items
		w.tables(sc, roleTable)
		if last := len(w.refs) - 1; sc.items == items+1 && w.refs[last].role == roleDerived && !w.refs[last].aliased {
			derived = last
			w.tail(&clause{closed: true})
			w.moreArms()
		}
	}
	w.expectPunct(')')
	if derived >= 0 {
		w.alias(derived)
		return derived
	}
	if w.tok.key == keyAs || w.tok.isName() {
		w.fail(faultJoinAlias, *w.tok)
	}
	return -1
}
