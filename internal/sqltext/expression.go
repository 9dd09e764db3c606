package sqltext

// expression is the state of reading one run of expressions.
type expression struct {
	clause   *clause
	callee   token // the function whose arguments are read
	cases    int   // CASE without END so far
	sawCase  bool
	betweens int // BETWEEN without AND so far
}

// outermost reports whether the expression is outside of any CASE, in a
// clause whose conditions count.
func (e *expression) outermost() bool { return e.clause != nil && e.cases == 0 }

// content reads the expressions of a clause, of which there must be one.
func (w *walker) content(c *clause) {
	start := w.tok.start
	switch w.tok.key {
	case keyUse, keyForce, keyIgnore, keyIndexed, keyPartition, keyTableSample:
		w.unexpected()
	case keyNot:
		if w.peek().key == keyIndexed {
			w.unexpected()
		}
	}
	if w.isPunct(',') {
		w.unexpected()
	}
	w.expression(c, token{})
	if w.tok.start == start {
		w.unexpected()
	}
}

// expression reads expressions up to a keyword that begins another clause, a
// closing parenthesis or bracket, a semicolon, or the end of the text. Queries
// inside are walked. In a clause that counts conditions a comma ends it too.
func (w *walker) expression(c *clause, callee token) {
	e := expression{clause: c, callee: callee}
	if c != nil {
		w.comparison(c)
	}
	for more := true; more && w.fault == noFault; {
		more = w.step(&e)
	}
	if e.cases > 0 {
		w.fail(faultCase, *w.tok)
	}
}

// step reads one token of an expression, or parentheses as a whole. It
// reports false at the end of the expression.
func (w *walker) step(e *expression) bool {
	switch w.tok.kind {
	case kindEnd:
		return false
	case kindPunct:
		switch w.tok.char {
		case '(':
			w.call()
		case '[':
			w.subscript()
		case ')', ']', ';':
			return false
		case ',':
			if e.clause != nil && e.clause.endsAtComma() {
				return false
			}
			w.next()
		case '|':
			if e.outermost() && w.scan.at(w.tok.end) == '|' {
				e.clause.or = true
			}
			w.next()
		default:
			w.next()
		}
	case kindWord:
		switch {
		case w.tok.key == noKey:
			w.next()
		case w.prev.kind == kindPunct && w.prev.char == '.':
			w.member()
		default:
			if !w.keyword(e) {
				return false
			}
		}
	default:
		w.next()
	}
	return true
}

// member reads a keyword after a dot, where it is the name of a column.
func (w *walker) member() {
	if w.before.kind != kindQuoted && (w.before.kind != kindWord || w.before.key != noKey) {
		w.unexpected()
	}
	w.next()
}

// call reads parentheses in an expression, perhaps of a function.
func (w *walker) call() {
	callee := token{}
	if w.prev.isName() {
		callee = *w.prev
		if isForbidden(unquote(w.scan.src, callee)) {
			w.fail(faultFunction, callee)
		}
	}
	w.group(callee)
}

// subscript reads brackets in an expression.
func (w *walker) subscript() {
	w.enter()
	w.next()
	w.expression(nil, token{})
	w.expectPunct(']')
	w.leave()
}

// group reads parentheses that hold a query or expressions.
func (w *walker) group(callee token) {
	w.enter()
	defer w.leave()
	w.next()
	if w.startsQuery() {
		w.query()
		w.expectPunct(')')
		return
	}
	for w.fault == noFault {
		w.expression(nil, callee)
		switch w.tok.key {
		case keyOrder, keyLimit, keyOffset, keyFor, keyUsing, keySet, keyOn:
			w.next()
		case keyFrom:
			if !w.isFunction(callee, takesFrom) {
				w.unexpected()
			}
			w.next()
		case keyWhere:
			if !w.matches(callee, "filter") {
				w.unexpected()
			}
			w.next()
		case keyUnion, keyIntersect, keyExcept:
			w.moreArms()
		default:
			w.expectPunct(')')
			return
		}
	}
}

// isFunction reports whether a token is the name of a function of a kind.
func (w *walker) isFunction(callee token, of func(string) bool) bool {
	return callee.kind == kindWord && of(w.scan.src[callee.start:callee.end])
}

// keyword reads a keyword of an expression and what belongs to it. It reports
// false, without reading, where the keyword does not belong to an expression.
func (w *walker) keyword(e *expression) bool {
	switch w.tok.key {
	case keyAs:
		w.next()
		if w.tok.kind == kindWord {
			w.next()
		}
		return true
	case keyIs:
		w.is()
		return true
	case keyIn:
		if after := w.peek(); after.char != '(' && after.kind != kindPlaceholder && !w.isFunction(e.callee, takesIn) {
			w.fail(faultIn, after)
		}
	case keyAnd:
		w.and(e)
		return true
	case keyOr, keyXor:
		if e.outermost() {
			e.clause.or = true
		}
	case keyBetween:
		if e.cases == 0 {
			e.betweens++
		}
	case keyCase, keyWhen, keyThen, keyElse, keyEnd:
		w.caseWord(e)
	case keyInsert, keyLeft, keyRight, keyInner, keyCross, keyFull, keyNatural, keyOuter:
		if w.peek().char != '(' {
			return false
		}
	case keyDo:
		if after := w.peek(); after.key == keyUpdate || w.matches(after, "nothing") {
			return false
		}
	case keyGroup:
		if w.matches(w.peek(), "by") {
			return false
		}
	case keyLock:
		if w.peek().key == keyIn {
			return false
		}
	case keyFetch:
		if after := w.peek(); w.matches(after, "first") || w.matches(after, "next") {
			return false
		}
	case keyWith:
		if !w.withSuffix(w.peek()) {
			return false
		}
	case keyReplace, keyValues, keyNot, keyDistinct, keyDefault, keyPartition,
		keyUse, keyForce, keyIgnore, keyIndexed, keyTableSample:
	default:
		return false
	}
	w.next()
	return true
}

// is reads IS [NOT] [DISTINCT FROM].
func (w *walker) is() {
	w.next()
	if w.tok.key == keyNot {
		w.next()
	}
	if w.tok.key == keyDistinct {
		w.next()
		w.expect(keyFrom)
	}
}

// and reads AND, after which a condition begins unless it is part of BETWEEN.
func (w *walker) and(e *expression) {
	w.next()
	switch {
	case e.cases > 0:
	case e.betweens > 0:
		e.betweens--
	case e.clause != nil:
		w.comparison(e.clause)
	}
}

// caseWord counts the words of CASE … END. END alone may be a column; where
// it could be either, the text is refused.
func (w *walker) caseWord(e *expression) {
	switch {
	case w.tok.key == keyCase:
		e.cases++
		e.sawCase = true
	case w.tok.key == keyEnd && e.cases > 0:
		e.cases--
	case e.cases == 0 && (e.sawCase || w.tok.key != keyEnd):
		w.fail(faultCase, *w.tok)
	}
}

// withSuffix reports whether WITH before a word is part of an expression, as
// in GROUP BY a WITH ROLLUP or CAST(a AS time WITH TIME ZONE).
func (w *walker) withSuffix(after token) bool {
	for _, word := range [...]string{"rollup", "ties", "time", "query"} {
		if w.matches(after, word) {
			return true
		}
	}
	return false
}
