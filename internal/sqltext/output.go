package sqltext

// atOutput reports whether the walk is at the OUTPUT of a statement of T-SQL.
func (w *walker) atOutput() bool {
	return w.isWord("output") && w.isRows(w.peek())
}

// isRows reports whether a token names the rows that a statement wrote or removed.
func (w *walker) isRows(t token) bool { return w.matches(t, "inserted") || w.matches(t, "deleted") }

// output reads OUTPUT with columns of the rows that a statement wrote or removed.
func (w *walker) output() {
	if !w.atOutput() {
		return
	}
	for more := true; more && w.fault == noFault; more = w.isPunct(',') {
		w.next()
		if !w.isRows(*w.tok) {
			w.unexpected()
		}
		w.next()
		w.expectPunct('.')
		if w.isPunct('*') {
			w.next()
		} else {
			w.expectName()
		}
	}
}
