package budget

// Use is the right to use one connection of a pool.
type Use struct {
	budget  *Budget
	share   *share
	holders int // guarded by the budget's mutex
}

// Release ends the use, once everybody who holds it has released it. It blocks on nothing,
// and does nothing to a use that has ended.
func (u *Use) Release() {
	b := u.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if u.holders == 0 {
		return
	}
	if u.holders--; u.holders > 0 {
		return
	}
	u.share.uses--
	b.settle(u.share)
	b.dispatch()
}

// Hold makes one more the holder of a use, unless it has ended.
func (u *Use) Hold() bool {
	u.budget.mu.Lock()
	defer u.budget.mu.Unlock()
	if u.holders == 0 {
		return false
	}
	u.holders++
	return true
}

// admit begins a use of a share that has a slot to spare.
func (b *Budget) admit(s *share) *Use {
	b.uses++
	s.used = b.uses
	s.uses++
	return &Use{budget: b, share: s, holders: 1}
}
