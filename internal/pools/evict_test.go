package pools_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gormtenancy/tenancy/internal/caught"
	"github.com/gormtenancy/tenancy/internal/pools"
)

func TestEvictWaitsAndHoldsBackReopening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		old, release := f.acquire(c, "a")
		evicted := make(chan error, 1)
		go func() { evicted <- c.Evict(t.Context(), "a") }()
		synctest.Wait()
		got := make(chan *fakePool, 1)
		go func() { got <- f.use(c, "a") }()
		synctest.Wait()
		if len(evicted) != 0 || len(got) != 0 || old.isClosed() {
			t.Fatalf("while leased: Evict returned %v, Acquire returned %v, closed %v",
				len(evicted) != 0, len(got) != 0, old.isClosed())
		}
		if n := c.Len(); n != 1 {
			t.Errorf("Len() = %d, want 1", n)
		}
		release()
		if err := <-evicted; err != nil {
			t.Error(err)
		}
		if p := <-got; p == old || !old.isClosed() {
			t.Error("the old pool was lent again")
		}
		f.finish(c)
	})
}

func TestEvictGivesUpButStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		old, release := f.acquire(c, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Evict(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Evict: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Acquire(ctx, "a", f.open("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire: %v", err)
		}
		release()
		if f.use(c, "a") == old {
			t.Error("the old pool was lent again")
		}
		f.finish(c)
	})
}

func TestEvictDuringOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		go func() {
			p, release, err := c.Acquire(t.Context(), "a", slowOpen(f, time.Second))
			if err != nil || p.isClosed() {
				t.Errorf("the one before Evict: %v", err)
			}
			time.Sleep(time.Second)
			release()
		}()
		synctest.Wait()
		began := time.Now()
		if err := c.Evict(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("Evict took %v", took)
		}
		f.checkAllClosed()
		f.finish(c)
	})
}

func TestEvictDuringAbandonedOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _, _ = c.Acquire(ctx, "a", slowOpen(f, time.Second))
		if err := c.Evict(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		if f.openings() != 1 {
			t.Error("Evict did not wait for the opening")
		}
		f.checkAllClosed()
		f.finish(c)
	})
}

func TestEvictReturnsTheErrorOfClosing(t *testing.T) {
	f := newFactory(t)
	c := pools.New[*fakePool](pools.Config{})
	boom := errors.New("boom")
	f.use(c, "a").onClose = func() error { return boom }
	f.use(c, "b").onClose = func() error { panic(boom) }
	if err := c.Evict(t.Context(), "a"); !errors.Is(err, boom) {
		t.Errorf("error: %v", err)
	}
	var perr *caught.PanicError
	if err := c.Evict(t.Context(), "b"); !errors.As(err, &perr) {
		t.Errorf("panic: %v", err)
	}
	if err := c.Evict(t.Context(), "nobody"); err != nil {
		t.Errorf("no pool: %v", err)
	}
	if err := c.Close(t.Context()); !errors.Is(err, boom) {
		t.Errorf("Close: %v", err)
	}
}

func TestEvictAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		a, releaseA := f.acquire(c, "a#1")
		b, releaseB := f.acquire(c, "a#2")
		other, releaseOther := f.acquire(c, "b")
		evicted := make(chan error, 1)
		go func() {
			evicted <- c.EvictAll(t.Context(), func(key string) bool { return strings.HasPrefix(key, "a#") })
		}()
		synctest.Wait()
		releaseB()
		synctest.Wait()
		if len(evicted) != 0 || a.isClosed() || !b.isClosed() {
			t.Errorf("with one lease left: returned %v, closed %v and %v", len(evicted) != 0, a.isClosed(), b.isClosed())
		}
		releaseA()
		if err := <-evicted; err != nil || !a.isClosed() {
			t.Errorf("EvictAll: %v, closed %v", err, a.isClosed())
		}
		releaseOther()
		if other.isClosed() {
			t.Error("a pool that does not match was closed")
		}
		f.finish(c)
	})
}
