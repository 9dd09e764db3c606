package sqltext

// startsQuery reports whether a query begins at the token the walk is at.
func (w *walker) startsQuery() bool {
	switch w.tok.key {
	case keySelect, keyWith, keyValues:
		return true
	}
	return false
}

// query reads a statement up to the end of its parentheses or of the text.
// The common table expressions it declares are in sight as far as that.
func (w *walker) query() {
	w.enter()
	mark := len(w.commons)
	if w.tok.key == keyWith {
		w.with()
	}
	switch w.tok.key {
	case keyInsert, keyReplace:
		w.insert()
	case keyUpdate:
		w.update()
	case keyDelete:
		w.delete()
	default:
		w.arms()
	}
	w.commons = w.commons[:mark]
	w.leave()
}

// with reads the common table expressions before a statement. Without
// RECURSIVE an expression is not in sight of itself.
func (w *walker) with() {
	w.next()
	recursive := w.isWord("recursive") && w.peek().isName()
	if recursive {
		w.next()
	}
	for {
		name := w.expectName()
		w.refs = append(w.refs, reference{role: roleDeclared, start: name.start, end: name.end, name: name})
		if w.isPunct('(') {
			w.group(token{})
		}
		w.expect(keyAs)
		if w.tok.key == keyNot {
			w.next()
		}
		if w.isWord("materialized") {
			w.next()
		}
		if recursive {
			w.commons = append(w.commons, name)
		}
		w.subquery()
		if !recursive {
			w.commons = append(w.commons, name)
		}
		if !w.isPunct(',') {
			return
		}
		w.next()
	}
}

// subquery reads a statement in parentheses.
func (w *walker) subquery() {
	w.expectPunct('(')
	w.query()
	w.expectPunct(')')
}

// arms reads a query that may be a UNION of several.
func (w *walker) arms() {
	w.arm()
	w.moreArms()
}

// moreArms reads what follows the first arm of a query.
func (w *walker) moreArms() {
	for isSetOperator(w.tok.key) {
		w.next()
		if w.isWord("all") || w.tok.key == keyDistinct {
			w.next()
		}
		w.arm()
	}
}

// isSetOperator reports whether a keyword joins two queries.
func isSetOperator(key keyword) bool {
	return key == keyUnion || key == keyIntersect || key == keyExcept
}

// arm reads one query without UNION.
func (w *walker) arm() {
	switch {
	case w.isPunct('('):
		w.subquery()
		w.tail(&clause{closed: true})
	case w.tok.key == keyValues:
		w.next()
		w.content(nil)
		w.tail(&clause{closed: true})
	case w.tok.key == keySelect:
		w.selectArm()
	default:
		w.unexpected()
	}
}

// selectArm reads one SELECT.
func (w *walker) selectArm() {
	sc := w.open()
	w.next()
	if w.tok.key == keyDistinct {
		w.next()
		if w.tok.key == keyOn {
			w.next()
		}
	}
	if w.tok.key == keyStraightJoin {
		w.next()
	}
	w.expression(nil, token{})
	if w.tok.key == keyFrom {
		w.next()
		w.tables(&sc, roleTable)
	}
	c := w.where(&sc)
	w.tail(&c)
	w.narrow(&c)
}

// where reads the WHERE of a scope, if it has one.
func (w *walker) where(sc *scope) clause {
	c := clause{scope: *sc, ref: -1, mark: len(w.conditions)}
	if w.tok.key == keyWhere {
		w.next()
		w.content(&c)
	}
	c.closed = true
	return c
}

// tail reads the clauses after the WHERE of a scope. Those whose keyword is
// the name of a column in some dialect still count as part of the WHERE when
// it comes to OR.
func (w *walker) tail(c *clause) {
	for {
		switch w.tok.key {
		case keyGroup, keyOrder:
			w.next()
			w.expectWord("by")
			w.content(nil)
		case keyHaving, keyLimit:
			w.next()
			w.content(nil)
		case keyOffset:
			w.next()
			w.single(c)
		case keyFetch:
			w.next()
			if !w.isWord("next") {
				w.expectWord("first")
			}
			w.single(c)
		case keyWindow:
			w.window(c)
		case keyFor:
			w.locking(c)
		case keyLock:
			w.next()
			w.expect(keyIn)
			w.expectWord("share")
			w.expectWord("mode")
		default:
			return
		}
	}
}

// single reads the content of a clause that has no commas.
func (w *walker) single(c *clause) {
	c.commas = true
	w.content(c)
	c.commas = false
}

// window reads WINDOW name AS (…).
func (w *walker) window(c *clause) {
	w.next()
	if !w.tok.isName() || w.peek().key != keyAs {
		w.unexpected()
	}
	w.expression(c, token{})
}

// locking reads FOR UPDATE and its like.
func (w *walker) locking(c *clause) {
	w.next()
	switch {
	case w.isWord("no"):
		w.next()
		w.expectWord("key")
		w.expect(keyUpdate)
	case w.isWord("key"):
		w.next()
		w.expectWord("share")
	case w.tok.key == keyUpdate || w.isWord("share"):
		w.next()
	default:
		w.unexpected()
	}
	w.expression(c, token{})
}
