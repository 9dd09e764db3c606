package strategies

import "testing"

// TestParts: a survey's parts are few, and none is without schemas.
func TestParts(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 16: 1, 99: 1, 100: 2, 250: 3, 300: 4, 1000: 4, 20_000: 4} {
		part := partOf(n)
		if part < 1 {
			t.Fatalf("%d schemas in parts of %d", n, part)
		}
		if parts := (n + part - 1) / part; parts != want {
			t.Errorf("%d schemas in %d parts, want %d", n, parts, want)
		}
	}
}
