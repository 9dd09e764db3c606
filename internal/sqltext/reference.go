package sqltext

import (
	"slices"
	"strings"
)

// role is what a reference is to its statement.
type role uint8

const (
	roleTable    role = iota // a table that is read
	roleTarget               // the table of an UPDATE or DELETE
	roleInsert               // the table of an INSERT or REPLACE
	roleCommon               // a common table expression that is read
	roleDeclared             // the name of a common table expression where it is declared
	roleFunction             // a function in the place of a table
	roleDerived              // a query in the place of a table
)

// reference is one item of a list of tables, or the target of a statement.
type reference struct {
	role       role
	qualified  bool // the name has parts
	aliased    bool // alias is set
	columns    bool // the alias renames columns
	conflict   bool // the INSERT has ON CONFLICT
	narrowed   bool // a condition narrows the table
	scope      int
	start, end int   // the whole name
	name       token // the last part of the name
	alias      token
}

// isTable reports whether the reference names a table of the database.
func (r *reference) isTable() bool { return r.role <= roleInsert }

// named returns the name the reference has in its scope.
func (r *reference) named() (name token, ok bool) {
	if r.aliased {
		return r.alias, true
	}
	return r.name, r.role != roleDerived && r.role != roleDeclared
}

// text returns the unquoted name, its parts joined by dots.
func (r *reference) text(src string) string {
	if !r.qualified {
		return unquote(src, r.name)
	}
	var name strings.Builder
	s := scanner{src: src[:r.end], pos: r.start}
	for t := s.next(); t.kind != kindEnd; t = s.next() {
		if t.kind == kindPunct {
			name.WriteByte('.')
			continue
		}
		name.WriteString(unquote(src, t))
	}
	return name.String()
}

// scope is one SELECT, INSERT, UPDATE or DELETE, the arms of a UNION counted
// each for itself.
type scope struct {
	id    int
	first int // the first reference that may belong to it
	items int // references that belong to it
}

// open begins a scope.
func (w *walker) open() scope {
	w.scopes++
	return scope{id: w.scopes, first: len(w.refs)}
}

// add records a reference in its scope and returns its place in refs.
func (w *walker) add(sc *scope, r reference) int {
	r.scope = sc.id
	sc.items++
	w.refs = append(w.refs, r)
	return len(w.refs) - 1
}

// isCommon reports whether a name is that of a common table expression in
// sight. A name spelled otherwise than the expression is one for some
// dialects and a table for others: it fails.
func (w *walker) isCommon(name token) bool {
	for _, common := range slices.Backward(w.commons) {
		if !sameName(w.scan.src, common, name) {
			continue
		}
		if !sameSpelling(w.scan.src, common, name) {
			w.fail(faultSpelling, name)
		}
		return true
	}
	return false
}
