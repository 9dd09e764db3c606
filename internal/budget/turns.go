package budget

import (
	"container/list"
	"time"
)

// waiter is one who waits for a slot.
type waiter struct {
	share    *share
	place    *list.Element // in the share's waiting
	use      *Use          // once admitted
	admitted chan struct{}
}

// queue makes a waiter, the last of its share.
func (b *Budget) queue(s *share) *waiter {
	w := &waiter{share: s, admitted: make(chan struct{})}
	w.place = s.waiting.PushBack(w)
	if s.place == nil {
		s.place = b.turns.PushBack(s)
	}
	return w
}

// leave ends the waiting of w.
func (b *Budget) leave(w *waiter) {
	s := w.share
	s.waiting.Remove(w.place)
	if s.waiting.Len() > 0 {
		return
	}
	b.turns.Remove(s.place)
	s.place = nil
	b.settle(s)
}

// dispatch admits whoever can be admitted. The caller holds b.mu.
func (b *Budget) dispatch() {
	if b.closed || b.turns.Len() == 0 {
		return
	}
	for b.admitNext() {
	}
	b.lookLater()
}

// admitNext admits one waiter of the first share in turn that has or can have a slot, and
// puts the share behind all others. Slots for the shares before it are taken back first.
func (b *Budget) admitNext() bool {
	wanted := 0
	for e := b.turns.Front(); e != nil; e = e.Next() {
		s := e.Value.(*share)
		switch {
		case s.spare():
			if !b.takeBack(wanted) {
				b.take(s)
				continue
			}
		case b.grow(s):
		case s.slots < b.each:
			wanted++
			continue
		default:
			continue
		}
		b.admitFirst(s)
		return true
	}
	b.takeBack(wanted)
	return false
}

// admitFirst admits who has waited longest for a share, whose turn is over then.
func (b *Budget) admitFirst(s *share) {
	w := s.waiting.Front().Value.(*waiter)
	w.use = b.admit(s)
	b.turns.MoveToBack(s.place)
	b.leave(w)
	close(w.admitted)
}

// grow gives a share one more of the free slots.
func (b *Budget) grow(s *share) bool {
	if b.free == 0 || s.slots == b.each {
		return false
	}
	b.free--
	s.slots++
	s.limit()
	return s.spare()
}

// lookInterval is how often one looks for connections that have come back without notice,
// while somebody waits.
const lookInterval = 5 * time.Millisecond

// lookLater has dispatch called again soon, as a pool says nothing when the rows of a query
// are closed.
func (b *Budget) lookLater() {
	switch {
	case b.turns.Len() == 0:
	case b.look == nil:
		b.look = time.AfterFunc(lookInterval, b.lookAgain)
	default:
		b.look.Reset(lookInterval)
	}
}

func (b *Budget) lookAgain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dispatch()
}
