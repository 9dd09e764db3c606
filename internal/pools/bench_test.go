package pools_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gormtenancy/tenancy/internal/pools"
)

// warm returns a cache with n open pools and their keys.
func warm(b *testing.B, n int) (*cache, []string, *factory) {
	b.Helper()
	f := newFactory(b)
	c := pools.New[*fakePool](pools.Config{Size: n})
	b.Cleanup(func() { f.finish(c) })
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("tenant-%d", i)
		f.use(c, keys[i])
	}
	return c, keys, f
}

func BenchmarkAcquireWarm(b *testing.B) {
	c, keys, f := warm(b, 1)
	open := f.open(keys[0])
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		_, release, err := c.Acquire(ctx, keys[0], open)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

func BenchmarkAcquireWarmParallel(b *testing.B) {
	for _, n := range []int{1, 32} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			c, keys, f := warm(b, n)
			open := f.open("unexpected")
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					_, release, err := c.Acquire(ctx, keys[i%n], open)
					if err != nil {
						b.Error(err)
						return
					}
					release()
				}
			})
		})
	}
}

// BenchmarkAcquireCold opens a pool, and closes another, each time.
func BenchmarkAcquireCold(b *testing.B) {
	c := pools.New[*fakePool](pools.Config{Size: 1})
	ctx := b.Context()
	keys := [...]string{"a", "b"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key := keys[i%2]
		_, release, err := c.Acquire(ctx, key, func(context.Context) (*fakePool, error) {
			return &fakePool{key: key}, nil
		})
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
	if err := c.Close(ctx); err != nil {
		b.Error(err)
	}
}
