package budget

import "time"

// takeBack takes slots back until as many as wanted are on their way, and reports whether
// they are. It takes those of connections that nobody uses or waits for. The caller holds
// b.mu.
func (b *Budget) takeBack(wanted int) bool {
	for b.moving < wanted {
		s := b.rested()
		if s == nil {
			return false
		}
		b.take(s)
	}
	return true
}

// rested finds the share with a slot to spare that was used longest ago.
func (b *Budget) rested() *share {
	var found *share
	for _, s := range b.shares {
		if s.place == nil && s.spare() && (found == nil || s.used < found.used) {
			found = s
		}
	}
	return found
}

// take begins to take a spare slot back from a share.
func (b *Budget) take(s *share) {
	s.slots--
	s.limit()
	b.moving++
	b.work.Go(func() { b.reclaim(s) })
}

// reclaim closes the connections of a share that nobody uses, and makes the slot that it
// has given up a free one, if the connections that are left do without. Closing may take
// a moment, so the budget is not held.
func (b *Budget) reclaim(s *share) {
	b.mu.Lock()
	pool := s.pool
	b.mu.Unlock()
	if pool != nil {
		pool.SetMaxIdleConns(0)
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	if s.open() <= s.slots {
		b.comeFree(1)
	} else { // somebody was faster; another slot is looked for later
		b.moving--
		s.slots++
	}
	s.limit()
}

// noticeTime is what a server is given to notice that a connection was closed: it counts
// it until then.
const noticeTime = 2 * time.Millisecond

// comeFree makes n slots that are on their way free ones.
func (b *Budget) comeFree(n int) {
	if n == 0 {
		return
	}
	time.AfterFunc(noticeTime, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.moving -= n
		b.free += n
		b.dispatch()
	})
}
