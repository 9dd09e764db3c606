package pools

// leases counts the leases of one pool and hands out a ticket for each. A
// ticket ends its lease once: the slot it names moves on to the next turn, and
// old tickets of that slot are worth nothing. Tickets are plain values, so a
// lease costs no allocation once the slots are there.
//
// leases is not safe for concurrent use; the cache's mutex guards it.
type leases struct {
	out   int      // leases that have not ended
	turns []uint64 // of each slot, how many leases it has seen end
	free  []int    // the slots without a lease
}

// ticket names one lease.
type ticket struct {
	slot int
	turn uint64
}

// take begins a lease.
func (l *leases) take() ticket {
	l.out++
	if last := len(l.free) - 1; last >= 0 {
		slot := l.free[last]
		l.free = l.free[:last]
		return ticket{slot: slot, turn: l.turns[slot]}
	}
	l.turns = append(l.turns, 0)
	return ticket{slot: len(l.turns) - 1}
}

// end ends the lease of t. It reports false if that has happened before.
func (l *leases) end(t ticket) bool {
	if l.turns[t.slot] != t.turn {
		return false
	}
	l.turns[t.slot]++
	l.free = append(l.free, t.slot)
	l.out--
	return true
}
