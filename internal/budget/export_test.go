package budget

// Waiting counts those who wait.
func (b *Budget) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for e := b.turns.Front(); e != nil; e = e.Next() {
		n += e.Value.(*share).waiting.Len()
	}
	return n
}
