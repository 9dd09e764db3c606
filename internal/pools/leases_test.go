package pools

import "testing"

func TestLeasesEndOnce(t *testing.T) {
	var l leases
	a, b := l.take(), l.take()
	if !l.end(a) || l.end(a) {
		t.Error("a must end once")
	}
	again := l.take()
	if again.slot != a.slot {
		t.Error("the slot was not used again")
	}
	if l.end(a) {
		t.Error("an old ticket ended a new lease")
	}
	if l.out != 2 || !l.end(b) || !l.end(again) || l.out != 0 {
		t.Errorf("out = %d", l.out)
	}
}
