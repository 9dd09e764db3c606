package pools_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/gormtenancy/tenancy/internal/pools"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakePool notes how often it is closed.
type fakePool struct {
	key      string
	closings atomic.Int32
	onClose  func() error
}

func (p *fakePool) Close() error {
	p.closings.Add(1)
	if p.onClose != nil {
		return p.onClose()
	}
	return nil
}

func (p *fakePool) isClosed() bool { return p.closings.Load() > 0 }

// factory opens fake pools and checks that a key never has two.
type factory struct {
	tb testing.TB
	mu sync.Mutex

	live map[string]bool
	made []*fakePool
}

func newFactory(tb testing.TB) *factory {
	tb.Helper()
	return &factory{tb: tb, live: map[string]bool{}}
}

// open returns an open function for key.
func (f *factory) open(key string) func(context.Context) (*fakePool, error) {
	return func(context.Context) (*fakePool, error) { return f.make(key), nil }
}

func (f *factory) make(key string) *fakePool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live[key] {
		f.tb.Errorf("two open pools for %q", key)
	}
	f.live[key] = true
	p := &fakePool{key: key}
	p.onClose = func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.live[key] = false
		return nil
	}
	f.made = append(f.made, p)
	return p
}

func (f *factory) openings() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.made)
}

// checkAllClosed fails the test unless every pool was closed exactly once.
func (f *factory) checkAllClosed() {
	f.tb.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.made {
		if n := p.closings.Load(); n != 1 {
			f.tb.Errorf("a pool of %q was closed %d times", p.key, n)
		}
	}
}

type cache = pools.Cache[*fakePool]

// acquire acquires key and fails the test if it cannot.
func (f *factory) acquire(c *cache, key string) (*fakePool, func()) {
	f.tb.Helper()
	p, release, err := c.Acquire(context.Background(), key, f.open(key))
	if err != nil {
		f.tb.Fatalf("Acquire(%q): %v", key, err)
	}
	if p.key != key || p.isClosed() {
		f.tb.Fatalf("Acquire(%q) = pool of %q, closed: %v", key, p.key, p.isClosed())
	}
	return p, release
}

// use acquires and releases key.
func (f *factory) use(c *cache, key string) *fakePool {
	f.tb.Helper()
	p, release := f.acquire(c, key)
	release()
	return p
}

// finish closes c, which must have no leases out, and checks every pool.
func (f *factory) finish(c *cache) {
	f.tb.Helper()
	if err := c.Close(context.Background()); err != nil {
		f.tb.Errorf("Close: %v", err)
	}
	if n := c.Len(); n != 0 {
		f.tb.Errorf("Len() = %d after Close", n)
	}
	f.checkAllClosed()
}
