package budget

import (
	"container/list"
	"slices"
)

// share is what one pool has of the budget. All is guarded by the budget's mutex.
type share struct {
	key    string
	slots  int    // how many connections the pool may have open
	uses   int    // that have not ended
	used   uint64 // when it was last used
	pool   Pool   // nil while there is none
	closed []Pool // whose last connections are perhaps still open

	waiting list.List     // of *waiter
	place   *list.Element // in the budget's turns; nil while nobody waits
}

// share finds or makes the share of a key.
func (b *Budget) share(key string) *share {
	s, ok := b.shares[key]
	if !ok {
		s = &share{key: key}
		b.shares[key] = s
	}
	return s
}

// spare reports whether one more may use a connection without another slot. A use may end
// before its connection comes back, as a query's does while its rows are read.
func (s *share) spare() bool {
	return s.uses < s.slots && s.inUse() < s.slots
}

func (s *share) inUse() int {
	n := s.left()
	if s.pool != nil {
		n += s.pool.Stats().InUse
	}
	return n
}

func (s *share) open() int {
	n := s.left()
	if s.pool != nil {
		n += s.pool.Stats().OpenConnections
	}
	return n
}

// left counts the open connections of closed pools.
func (s *share) left() int {
	if len(s.closed) == 0 {
		return 0
	}
	n := 0
	s.closed = slices.DeleteFunc(s.closed, func(p Pool) bool {
		open := p.Stats().OpenConnections
		n += open
		return open == 0
	})
	return n
}

// limit tells the pool how many connections it may have. A pool cannot be told zero, which
// means any number; but nobody is admitted to one without a slot.
func (s *share) limit() {
	if s.pool == nil {
		return
	}
	n := max(1, s.slots-s.left())
	s.pool.SetMaxOpenConns(n)
	s.pool.SetMaxIdleConns(n)
}

// settle forgets a share that has nothing and wants nothing.
func (b *Budget) settle(s *share) {
	if s.uses > 0 || s.place != nil || s.pool != nil || s.left() > 0 {
		return
	}
	delete(b.shares, s.key)
	b.moving += s.slots
	b.comeFree(s.slots)
	s.slots = 0
}
