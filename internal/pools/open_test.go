package pools_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gormtenancy/tenancy/internal/caught"
	"github.com/gormtenancy/tenancy/internal/pools"
)

func TestExactlyOneOpening(t *testing.T) {
	f := newFactory(t)
	c := pools.New[*fakePool](pools.Config{})
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			<-start
			f.use(c, "a")
		})
	}
	close(start)
	wg.Wait()
	if n := f.openings(); n != 1 {
		t.Errorf("%d openings, want 1", n)
	}
	f.finish(c)
}

// slowOpen opens "a" after d, and fails if its context ends first.
func slowOpen(f *factory, d time.Duration) func(context.Context) (*fakePool, error) {
	return func(ctx context.Context) (*fakePool, error) {
		select {
		case <-time.After(d):
			return f.make("a"), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func TestCallersGiveUpOnTheirOwn(t *testing.T) {
	for _, first := range []string{"opener", "waiter"} {
		t.Run(first, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFactory(t)
				c := pools.New[*fakePool](pools.Config{})
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				ctxs := []context.Context{short, t.Context()}
				if first == "waiter" {
					ctxs[0], ctxs[1] = ctxs[1], ctxs[0]
				}
				for _, ctx := range ctxs {
					go func() {
						began := time.Now()
						_, release, err := c.Acquire(ctx, "a", slowOpen(f, 3*time.Second))
						defer release()
						took, want := time.Since(began), 3*time.Second
						if ctx == short {
							want = time.Second
							if !errors.Is(err, context.DeadlineExceeded) {
								t.Errorf("the one in a hurry: %v", err)
							}
						} else if err != nil {
							t.Errorf("the patient one: %v", err)
						}
						if took != want {
							t.Errorf("took %v, want %v", took, want)
						}
					}()
					synctest.Wait()
				}
				time.Sleep(4 * time.Second)
				synctest.Wait()
				if n := f.openings(); n != 1 {
					t.Errorf("%d openings, want 1", n)
				}
				f.finish(c)
			})
		})
	}
}

func TestOpeningNobodyWaitsForIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Acquire(ctx, "a", slowOpen(f, 2*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if n := c.Len(); n != 1 {
			t.Fatalf("Len() = %d, want 1", n)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := c.Len(); n != 0 {
			t.Errorf("Len() = %d after the idle timeout", n)
		}
		f.finish(c)
	})
}

func TestEndedContext(t *testing.T) {
	f := newFactory(t)
	c := pools.New[*fakePool](pools.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, release, err := c.Acquire(ctx, "a", f.open("a"))
	release()
	if !errors.Is(err, context.Canceled) || f.openings() != 0 {
		t.Errorf("err = %v, %d openings", err, f.openings())
	}
	f.finish(c)
}

type ctxKey struct{}

func TestOpenContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pools.New[*fakePool](pools.Config{OpenTimeout: 7 * time.Second})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), ctxKey{}, "v"), time.Hour)
		defer cancel()
		began := time.Now()
		_, _, err := c.Acquire(ctx, "a", func(ctx context.Context) (*fakePool, error) {
			if ctx.Value(ctxKey{}) != "v" {
				t.Error("the context's values are lost")
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 7*time.Second {
			t.Errorf("err = %v after %v", err, time.Since(began))
		}
		newFactory(t).finish(c)
	})
}

func TestFailedOpeningIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		boom := errors.New("boom")
		var calls atomic.Int32
		fail := func(context.Context) (*fakePool, error) {
			calls.Add(1)
			time.Sleep(time.Second)
			return nil, boom
		}
		for range 10 {
			go func() {
				_, release, err := c.Acquire(t.Context(), "a", fail)
				release()
				if err != boom {
					t.Errorf("err = %v, want it unchanged", err)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls of open, want 1", n)
		}
		if n := c.Len(); n != 0 {
			t.Errorf("Len() = %d", n)
		}
		f.use(c, "a")
		f.finish(c)
	})
}

func TestPanicInOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{})
		boom := errors.New("boom")
		for range 4 {
			go func() {
				_, _, err := c.Acquire(t.Context(), "a", func(context.Context) (*fakePool, error) {
					time.Sleep(time.Second)
					panic(boom)
				})
				var perr *caught.PanicError
				if !errors.As(err, &perr) || !errors.Is(err, boom) || len(perr.Stack) == 0 {
					t.Errorf("err = %v", err)
				}
				if want := `pools: open "a": panic: boom`; err.Error() != want {
					t.Errorf("err = %q, want %q", err, want)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		f.use(c, "a")
		f.finish(c)
	})
}

func TestGoexitInOpen(t *testing.T) {
	f := newFactory(t)
	c := pools.New[*fakePool](pools.Config{})
	_, _, err := c.Acquire(t.Context(), "a", func(context.Context) (*fakePool, error) {
		runtime.Goexit()
		return f.make("a"), nil // not reached
	})
	if err == nil {
		t.Error("no error")
	}
	f.use(c, "a")
	f.finish(c)
}
