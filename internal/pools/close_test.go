package pools_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gormtenancy/tenancy/internal/pools"
)

func TestCloseWaitsForLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		idle := f.use(c, "idle")
		leased, release := f.acquire(c, "leased")
		result := make(chan error, 1)
		go func() { result <- c.Close(t.Context()) }()
		synctest.Wait()
		if len(result) != 0 || !idle.isClosed() || leased.isClosed() {
			t.Errorf("returned: %v; closed: idle %v, leased %v", len(result) != 0, idle.isClosed(), leased.isClosed())
		}
		for _, key := range []string{"idle", "leased", "new"} {
			if _, _, err := c.Acquire(t.Context(), key, f.open(key)); !errors.Is(err, pools.ErrClosed) {
				t.Errorf("Acquire(%q): %v", key, err)
			}
		}
		release()
		if err := <-result; err != nil {
			t.Error(err)
		}
		f.finish(c)
	})
}

func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		leased, release := f.acquire(c, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 {
			if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Close: %v", err)
			}
		}
		if leased.isClosed() {
			t.Error("closed while leased")
		}
		release()
		synctest.Wait()
		if err := c.Close(ctx); err != nil {
			t.Errorf("nothing left, ctx ended: %v", err)
		}
		f.finish(c)
	})
}

func TestCloseJoinsErrors(t *testing.T) {
	f := newFactory(t)
	c := pools.New[*fakePool](pools.Config{Size: 100})
	first, second := errors.New("first"), errors.New("second")
	f.use(c, "a").onClose = func() error { return first }
	f.use(c, "b").onClose = func() error { return second }
	for range 2 {
		if err := c.Close(t.Context()); !errors.Is(err, first) || !errors.Is(err, second) {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestCloseBoundsErrors(t *testing.T) {
	f := newFactory(t)
	c := pools.New[*fakePool](pools.Config{Size: 100})
	for i := range 40 {
		f.use(c, fmt.Sprint(i)).onClose = func() error { return errors.New("boom") }
	}
	err := c.Close(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), "8 more pools failed to close") {
		t.Errorf("Close: %v", err)
	}
}

func TestCloseDuringOpening(t *testing.T) {
	for name, obeys := range map[string]bool{"obeys its context": true, "opens all the same": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFactory(t)
				c := pools.New[*fakePool](pools.Config{})
				open := slowOpen(f, 10*time.Second)
				if !obeys {
					slow := open
					open = func(ctx context.Context) (*fakePool, error) { return slow(context.WithoutCancel(ctx)) }
				}
				result := make(chan error, 1)
				go func() {
					_, _, err := c.Acquire(t.Context(), "a", open)
					result <- err
				}()
				synctest.Wait()
				began := time.Now()
				f.finish(c)
				if took := time.Since(began); obeys && took != 0 {
					t.Errorf("Close took %v", took)
				}
				if err := <-result; !errors.Is(err, pools.ErrClosed) {
					t.Errorf("Acquire: %v", err)
				}
			})
		})
	}
}

func TestCloseDuringEvict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		_, release := f.acquire(c, "a")
		evicted, acquired := make(chan error, 1), make(chan error, 1)
		go func() { evicted <- c.Evict(t.Context(), "a") }()
		synctest.Wait()
		go func() {
			_, _, err := c.Acquire(t.Context(), "a", f.open("a"))
			acquired <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Close: %v", err)
		}
		if err := <-acquired; !errors.Is(err, pools.ErrClosed) {
			t.Errorf("Acquire: %v", err)
		}
		release()
		if err := <-evicted; err != nil {
			t.Errorf("Evict: %v", err)
		}
		f.finish(c)
	})
}

func TestCloseUnused(t *testing.T) {
	c := pools.New[*fakePool](pools.Config{})
	for range 2 {
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := c.Evict(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}
