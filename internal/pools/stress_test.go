package pools_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gormtenancy/tenancy/internal/pools"
)

var errStress = errors.New("a failing opening")

// TestStress has many goroutines do everything at once. The factory checks that
// no key has two pools; the goroutines check that no leased pool is closed.
func TestStress(t *testing.T) {
	const goroutines, keys, size = 64, 200, 8
	f := newFactory(t)
	c := pools.New[*fakePool](pools.Config{Size: size, IdleTimeout: 500 * time.Microsecond})
	steps := 500
	if testing.Short() {
		steps = 200
	}
	var wg sync.WaitGroup
	for i := range goroutines {
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		wg.Go(func() {
			for range steps {
				// Every other time a key that many want.
				key := fmt.Sprint(rnd.IntN(keys))
				if rnd.IntN(2) == 0 {
					key = fmt.Sprint(rnd.IntN(size + 2))
				}
				if rnd.IntN(20) == 0 {
					stressEvict(t, c, key, rnd)
				} else {
					_ = stressAcquire(t, f, c, key, rnd)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d openings in %d steps", f.openings(), goroutines*steps)
	if n := c.Len(); n > size {
		t.Errorf("Len() = %d without leases", n)
	}
	f.finish(c)
}

// TestStressClose is TestStress with a Close in its midst.
func TestStressClose(t *testing.T) {
	for range 20 {
		f := newFactory(t)
		c := pools.New[*fakePool](pools.Config{Size: 4})
		var wg sync.WaitGroup
		for i := range 16 {
			rnd := rand.New(rand.NewPCG(uint64(i), 2))
			wg.Go(func() {
				for {
					key := fmt.Sprint(rnd.IntN(12))
					if errors.Is(stressAcquire(t, f, c, key, rnd), pools.ErrClosed) {
						return
					}
				}
			})
		}
		time.Sleep(3 * time.Millisecond)
		f.finish(c)
		wg.Wait()
		f.checkAllClosed()
	}
}

func stressContext(rnd *rand.Rand) (context.Context, context.CancelFunc) {
	if rnd.IntN(4) > 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(rnd.IntN(300))*time.Microsecond)
}

func stressEvict(t *testing.T, c *cache, key string, rnd *rand.Rand) {
	t.Helper()
	ctx, cancel := stressContext(rnd)
	defer cancel()
	if err := c.Evict(ctx, key); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Evict: %v", err)
	}
}

func stressAcquire(t *testing.T, f *factory, c *cache, key string, rnd *rand.Rand) error {
	t.Helper()
	ctx, cancel := stressContext(rnd)
	defer cancel()
	fails, slow := rnd.IntN(10) == 0, time.Duration(rnd.IntN(200))*time.Microsecond
	hold, twice := time.Duration(rnd.IntN(100))*time.Microsecond, rnd.IntN(5) == 0
	p, release, err := c.Acquire(ctx, key, func(context.Context) (*fakePool, error) {
		time.Sleep(slow)
		switch {
		case !fails:
			return f.make(key), nil
		case slow%2 == 0:
			panic(errStress)
		default:
			return nil, errStress
		}
	})
	if err != nil {
		if !errors.Is(err, errStress) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, pools.ErrClosed) {
			t.Errorf("Acquire: %v", err)
		}
		return err
	}
	if hold > 50*time.Microsecond {
		time.Sleep(hold)
	}
	if p.key != key || p.isClosed() {
		t.Errorf("leased %q: pool of %q, closed: %v", key, p.key, p.isClosed())
	}
	release()
	if twice {
		release()
	}
	return nil
}
