package pools_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/gormtenancy/tenancy/internal/pools"
)

func TestLeastRecentlyAcquiredGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{Size: 2})
		a, b := f.use(c, "a"), f.use(c, "b")
		f.use(c, "a")
		f.use(c, "c")
		synctest.Wait()
		if a.isClosed() || !b.isClosed() {
			t.Errorf("closed: a %v, b %v; want only b", a.isClosed(), b.isClosed())
		}
		f.use(c, "b")
		synctest.Wait()
		if !a.isClosed() {
			t.Error("a is still open")
		}
		if n := c.Len(); n != 2 {
			t.Errorf("Len() = %d, want 2", n)
		}
		f.finish(c)
	})
}

func TestDefaultSize(t *testing.T) {
	f := newFactory(t)
	c := pools.New[*fakePool](pools.Config{})
	for i := range 40 {
		f.use(c, fmt.Sprint(i))
	}
	if n := c.Len(); n != 32 {
		t.Errorf("Len() = %d, want 32", n)
	}
	f.finish(c)
}

func TestLeasedPoolDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{Size: 1})
		a, release1 := f.acquire(c, "a")
		_, release2 := f.acquire(c, "a")
		f.use(c, "b")
		synctest.Wait()
		if n := c.Len(); n != 2 {
			t.Errorf("Len() = %d, want 2", n)
		}
		release1()
		release1() // does nothing: the other lease stands
		synctest.Wait()
		if a.isClosed() {
			t.Fatal("closed while leased")
		}
		release2()
		synctest.Wait()
		if !a.isClosed() || c.Len() != 1 {
			t.Errorf("closed: %v, Len() = %d", a.isClosed(), c.Len())
		}
		release2()
		f.finish(c)
	})
}

func TestDrainingPoolIsRevived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{Size: 1})
		a, release1 := f.acquire(c, "a")
		b := f.use(c, "b") // pushes a out
		again, release2 := f.acquire(c, "a")
		if again != a {
			t.Error("another pool was opened")
		}
		release1()
		release2()
		synctest.Wait()
		if a.isClosed() || !b.isClosed() {
			t.Errorf("closed: a %v, b %v; want only b", a.isClosed(), b.isClosed())
		}
		if f.use(c, "a") != a {
			t.Error("the revived pool was not kept")
		}
		f.finish(c)
	})
}

func TestAcquireWaitsForClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{Size: 1})
		a := f.use(c, "a")
		unblock := make(chan struct{})
		forget := a.onClose
		a.onClose = func() error { <-unblock; return forget() }
		f.use(c, "b") // pushes a out, whose closing hangs
		got := make(chan *fakePool, 1)
		go func() { got <- f.use(c, "a") }()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("acquired while the old pool was closing")
		}
		f.use(c, "b") // others are not held up
		close(unblock)
		if <-got == a {
			t.Error("got the closed pool")
		}
		f.finish(c)
	})
}
