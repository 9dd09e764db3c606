package sqltext

import "sync"

// walkers keeps walkers with their lists for the next text.
var walkers = sync.Pool{New: func() any { return new(walker) }}

// maxKept is the length of a list above which it is not kept.
const maxKept = 64

// newWalker returns a walker of a text that searches for a column.
func newWalker(query, column string) *walker {
	w := walkers.Get().(*walker)
	w.scan = scanner{src: query}
	w.column = column
	w.tok, w.prev, w.before = &w.cells[0], &w.cells[1], &w.cells[2]
	return w
}

// release gives the walker back. It must not be used any more.
func (w *walker) release() {
	if cap(w.refs) > maxKept || cap(w.conditions) > maxKept || cap(w.commons) > maxKept {
		return
	}
	*w = walker{refs: w.refs[:0], conditions: w.conditions[:0], commons: w.commons[:0]}
	walkers.Put(w)
}
