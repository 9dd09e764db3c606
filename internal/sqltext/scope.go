package sqltext

import "strconv"

// clause is a WHERE or ON while it is read. Conditions found in it are kept
// until its end, since an OR further on makes them void.
type clause struct {
	scope  scope
	ref    int  // the reference an ON belongs to, -1 for all of the scope
	on     bool // an ON
	mark   int  // the first of its conditions
	or     bool // OR was seen
	closed bool // the conditions are over
	commas bool // a comma ends the clause even when the conditions are over
}

// endsAtComma reports whether a comma is not part of the clause.
func (c *clause) endsAtComma() bool { return !c.closed || c.commas }

// comparison is a condition "qualifier.column = placeholder".
type comparison struct {
	qualified bool
	qualifier token
	argument  int // which of the arguments, from 0; -1 if that is not certain
}

// comparison records the condition that begins at the token the walk is at,
// if it compares the searched column with a placeholder and nothing else.
func (w *walker) comparison(c *clause) {
	if w.column == "" || c.closed || !w.tok.isName() {
		return
	}
	s := w.scan
	found := comparison{}
	column := *w.tok
	t := s.next()
	if t.char == '.' {
		found = comparison{qualified: true, qualifier: column}
		column = s.next()
		t = s.next()
	}
	if t.char != '=' {
		return
	}
	value := s.next()
	if value.kind != kindPlaceholder {
		return
	}
	found.argument = argument(s.src, value, s.marks-1)
	if !endsCondition(s.next()) {
		return
	}
	if column.kind != kindWord && column.kind != kindQuoted {
		return
	}
	if equalFold(unquote(w.scan.src, column), w.column) {
		w.conditions = append(w.conditions, found)
	}
}

// argument tells which of the arguments a placeholder stands for: ? by its order among
// the placeholders, $1 by its number. Of names nothing is certain.
func argument(src string, placeholder token, order int) int {
	text := src[placeholder.start:placeholder.end]
	if text == "?" {
		return order
	}
	if number, err := strconv.Atoi(text[1:]); err == nil && number > 0 {
		return number - 1
	}
	return -1
}

// endsCondition reports whether a token cannot go on with a condition.
func endsCondition(t token) bool {
	switch t.kind {
	case kindEnd:
		return true
	case kindPunct:
		return t.char == ')' || t.char == ',' || t.char == ';'
	case kindWord:
		switch t.key {
		case keyAnd, keyWhere, keyGroup, keyOrder, keyHaving, keyLimit, keyOffset, keyFetch,
			keyReturning, keyUnion, keyIntersect, keyExcept, keyFor, keyWindow, keyLock,
			keyJoin, keySet, keyOn:
			return true
		}
		return isJoinWord(t.key)
	}
	return false
}

// narrow ends a clause: what its conditions narrow is marked.
func (w *walker) narrow(c *clause) {
	if w.fault != noFault {
		return
	}
	if !c.or {
		for _, found := range w.conditions[c.mark:] {
			if w.bound == nil || w.bound(found.argument) {
				w.mark(c, found)
			}
		}
	}
	w.conditions = w.conditions[:c.mark]
}

// mark marks the references that a condition of a clause narrows.
func (w *walker) mark(c *clause, found comparison) {
	for i := c.scope.first; i < len(w.refs); i++ {
		ref := &w.refs[i]
		if ref.scope != c.scope.id || c.on && i != c.ref {
			continue
		}
		name, ok := ref.named()
		switch {
		case !found.qualified:
			ref.narrowed = ref.narrowed || c.scope.items == 1
		case ok && sameName(w.scan.src, name, found.qualifier):
			ref.narrowed = true
		}
	}
}

// Scoped reports, as a *Refusal, the first reference to a table for which
// owned returns true that is not narrowed by "alias.column = placeholder".
// The condition must stand in the WHERE of the reference's own scope, or in
// the ON of its own JOIN, joined to the rest by nothing but AND. The column
// may stand alone where the scope has no other table. Tables that owned does
// not know are refused, and so is all that is not understood with certainty.
//
// bound says whether the argument for a placeholder, counted from 0, is the right one;
// -1 stands for one that cannot be told. With a nil bound every argument is right.
func Scoped(query, column string, owned func(table string) (owned, known bool), bound func(argument int) bool) error {
	if column == "" || owned == nil {
		return refusal(query, faultSetup, 0, 0)
	}
	w := newWalker(query, column)
	w.bound = bound
	defer w.release()
	w.walk()
	if w.fault != noFault {
		return refusal(query, w.fault, w.start, w.end)
	}
	for i := range w.refs {
		ref := &w.refs[i]
		if ref.role == roleDerived {
			continue
		}
		isOwned, known := owned(ref.text(query))
		if f := scopeFault(query, w.refs, i, isOwned, known); f != noFault {
			return refusal(query, f, ref.start, ref.end)
		}
	}
	return nil
}

// scopeFault returns what is wrong with a reference of a walked text.
func scopeFault(query string, refs []reference, i int, owned, known bool) fault {
	ref := &refs[i]
	switch {
	case ref.role == roleCommon:
	case ref.role == roleDeclared && known:
		return faultCommon
	case ref.role == roleFunction && owned && known:
		return faultTableFunction
	case !ref.isTable():
	case !known:
		return faultUnknown
	case ref.role == roleInsert || !owned:
	case !ref.narrowed:
		return faultScope
	case ref.columns:
		return faultColumns
	case aliasRepeats(query, refs, i):
		return faultAlias
	}
	return noFault
}

// aliasRepeats reports whether another reference of the same scope has the
// name of this one.
func aliasRepeats(query string, refs []reference, i int) bool {
	name, _ := refs[i].named()
	for j := range refs {
		other, ok := refs[j].named()
		if j != i && ok && refs[j].scope == refs[i].scope && sameName(query, name, other) {
			return true
		}
	}
	return false
}
