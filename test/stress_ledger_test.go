package test

import (
	"fmt"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
)

// counter is the ID of the folio whose Hits all requests of a tenant count up.
const counter = 1

// ledger is what one tenant was told: which rows are there, and which are not.
type ledger struct {
	id   string
	last atomic.Int64

	mu              sync.Mutex
	alive           map[int64]string // acknowledged rows; what Body must be, or unsure
	gone            map[int64]bool   // acknowledged deletions, deliberate rollbacks
	maybe           map[int64]bool   // requests that were cancelled
	hits, maybeHits int
}

// unsure is a body that a cancelled request may have changed.
const unsure = "\x00"

// effect is what a request does if it is acknowledged.
type effect struct {
	made   map[int64]string // rows created or changed
	kept   map[int64]string // rows that are there in any case
	voided []int64          // rows of what was rolled back on purpose
	gone   []int64          // rows deleted
	hits   int
}

func newLedger(id string) *ledger {
	l := &ledger{id: id, alive: map[int64]string{}, gone: map[int64]bool{}, maybe: map[int64]bool{}}
	l.last.Store(counter)
	return l
}

// take takes a row for a request's exclusive use, until the request is settled.
func (l *ledger) take() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.alive {
		delete(l.alive, id)
		return id, true
	}
	return 0, false
}

// settle writes down what a request has done, or may have done.
func (l *ledger) settle(e *effect, acknowledged bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, body := range e.kept {
		l.alive[id] = body
	}
	for _, id := range e.voided {
		l.gone[id] = true
	}
	if !acknowledged {
		l.doubt(e)
		return
	}
	for id, body := range e.made {
		l.alive[id] = body
	}
	for _, id := range e.gone {
		l.gone[id] = true
	}
	l.hits += e.hits
}

func (l *ledger) doubt(e *effect) {
	for id := range e.made {
		if _, kept := e.kept[id]; !kept {
			l.maybe[id] = true
		}
	}
	for _, id := range e.gone {
		l.maybe[id] = true
	}
	l.maybeHits += e.hits
}

// compare says how the ledger and the tenant's rows differ.
func (l *ledger) compare(rows []folio) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	seen := map[int64]bool{}
	for _, row := range rows {
		seen[row.ID] = true
		if row.ID == counter {
			if row.Hits < l.hits || row.Hits > l.hits+l.maybeHits {
				say("%d hits, want %d, or up to %d more", row.Hits, l.hits, l.maybeHits)
			}
			continue
		}
		body, alive := l.alive[row.ID]
		switch {
		case l.gone[row.ID]:
			say("the row %d (%s) was deleted or rolled back, and is there", row.ID, row.Body)
		case !alive && !l.maybe[row.ID]:
			say("nobody knows the row %d (%s)", row.ID, row.Body)
		case alive && body != unsure && body != row.Body:
			say("the row %d says %q, acknowledged was %q", row.ID, row.Body, body)
		}
	}
	for id := range l.alive {
		if !seen[id] {
			say("the acknowledged row %d is lost", id)
		}
	}
	return wrong
}

// The bodies that make the hooks of a folio do something.
const (
	panicBefore = "panic before the insert"
	panicAfter  = "panic after the insert"
	failAfter   = "fail after the insert"
	writeAfter  = "write a note after the insert"
)

func (f *folio) BeforeCreate(*gorm.DB) error {
	if f.Body == panicBefore {
		panic(errDeliberate)
	}
	return nil
}

func (f *folio) AfterCreate(tx *gorm.DB) error {
	switch f.Body {
	case panicAfter:
		panic(errDeliberate)
	case failAfter:
		return errDeliberate
	case writeAfter:
		return tx.Create(&note{Owner: f.Owner, Text: "by a hook"}).Error
	}
	return nil
}
