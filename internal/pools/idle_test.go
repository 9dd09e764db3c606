package pools_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gormtenancy/tenancy/internal/pools"
)

func TestIdlePoolsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{IdleTimeout: time.Minute})
		checkLen := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if n := c.Len(); n != want {
				t.Errorf("Len() = %d, want %d", n, want)
			}
		}
		_, release := f.acquire(c, "leased")
		f.use(c, "a")
		checkLen(20*time.Second, 2)
		f.use(c, "b")
		checkLen(20*time.Second, 3)
		f.use(c, "a")                 // a: due at 100s, b: at 80s
		checkLen(40*time.Second-1, 3) // just before 80s
		checkLen(1, 2)                // 80s: b expires
		checkLen(20*time.Second-1, 2) // just before 100s
		checkLen(1, 1)                // 100s: a expires
		checkLen(time.Hour, 1)        // a lease keeps its pool
		release()
		checkLen(time.Minute-1, 1) // from the end of the lease
		checkLen(1, 0)
		checkLen(time.Hour, 0)
		f.use(c, "a") // and once more, from rest
		checkLen(time.Minute-1, 1)
		checkLen(1, 0)
		f.checkAllClosed()
		f.finish(c)
	})
}

func TestNegativeIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{IdleTimeout: -1})
		f.use(c, "a")
		time.Sleep(1000 * time.Hour)
		synctest.Wait()
		if n := c.Len(); n != 1 {
			t.Errorf("Len() = %d, want 1", n)
		}
		f.finish(c)
	})
}
