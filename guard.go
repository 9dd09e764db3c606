package tenancy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Requirement is what a tenant must have before its statements run: see Current in the
// packages migrate and versioned. It may be called from several goroutines at once.
type Requirement interface {
	// Met returns nil where the tenant has what is required, [ErrBehind] with what it has,
	// what is required and what to do where it has not, and [ErrNotProvisioned] where it has
	// nothing. Any other error means that it could not be found out. It is asked outside of
	// the statement's transaction. That it returned nil for a tenant is kept as long as the
	// process lives, so it should not for one that nobody knows.
	Met(ctx context.Context, in *Installation, t Tenant) error
}

// askAgain is how long a tenant that is behind is not asked about again.
const askAgain = time.Second

// mostUnmet bounds how many tenants are remembered that have not, or not yet, been found to
// have what is required: whoever may name a tenant in a request can make up any number of them.
const mostUnmet = 4096

// guard remembers which tenants have what is required.
type guard struct {
	mu    sync.Mutex
	met   map[string]*verdict              // by Provider.Group
	unmet *simplelru.LRU[string, *verdict] // by the same
}

// verdict is what is known of one tenant, or of all that share their structures.
type verdict struct {
	met  atomic.Bool
	turn chan struct{} // held by whoever asks

	until time.Time // err holds until then
	err   error
}

// verdict returns what is known of a group, and begins with nothing.
func (g *guard) verdict(group string) (*verdict, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if v := g.met[group]; v != nil {
		return v, nil
	}
	if g.unmet == nil {
		unmet, err := simplelru.NewLRU[string, *verdict](mostUnmet, nil)
		if err != nil {
			return nil, err
		}
		g.met, g.unmet = map[string]*verdict{}, unmet
	}
	v, known := g.unmet.Get(group)
	if !known {
		v = &verdict{turn: make(chan struct{}, 1)}
		g.unmet.Add(group, v)
	}
	return v, nil
}

// keep remembers that a group has what is required, unless it was forgotten meanwhile.
func (g *guard) keep(group string, v *verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if known, _ := g.unmet.Peek(group); known == v {
		g.unmet.Remove(group)
		g.met[group] = v
	}
}

// forget makes the next statement ask again.
func (g *guard) forget(group string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.met, group)
	if g.unmet != nil {
		g.unmet.Remove(group)
	}
}

// Forget has the tenant, and those who share its structures, asked about again at their next
// statement: see [Config.Require]. Whoever has changed its structures calls it. Contexts in
// which a statement was let through already go on.
func (in *Installation) Forget(t Tenant) { in.guard.forget(in.provider.Group(t)) }

// admit finds the route of a context, and refuses a tenant that lacks what is required. A
// context remembers the route of a tenant that does not.
func (in *Installation) admit(ctx context.Context) (*route, error) {
	r, err := in.route(ctx)
	if err != nil || in.config.Require == nil || !r.narrows() || r.scope.route.Load() == r {
		return r, err
	}
	if err := in.require(ctx, r.scope.tenant); err != nil {
		return nil, in.complete(err, "require", r.scope.tenant)
	}
	r.scope.route.Store(r)
	return r, nil
}

// require refuses a tenant that lacks what is required.
func (in *Installation) require(ctx context.Context, t Tenant) error {
	group := in.provider.Group(t)
	v, err := in.guard.verdict(group)
	if err != nil {
		return err
	}
	return v.ask(ctx, func() error {
		err := in.config.Require.Met(ctx, in, t)
		if err == nil {
			in.guard.keep(group, v)
		}
		return err
	})
}

// Exempt returns a context of a tenant in which its statements are let through whatever it
// lacks of what [Config.Require] asks for. It is for a strategy's own work.
func (in *Installation) Exempt(ctx context.Context, t Tenant) context.Context {
	ctx = WithTenant(ctx, t)
	if r, err := in.route(ctx); err == nil { // else the first statement says why not
		r.scope.route.Store(r)
	}
	return ctx
}

// ask asks, unless it is known already. One asks, and the others wait for the answer.
func (v *verdict) ask(ctx context.Context, met func() error) error {
	if v.met.Load() {
		return nil
	}
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if v.met.Load() || v.err != nil && time.Now().Before(v.until) {
		return v.err
	}
	v.err = nil
	err := met()
	switch {
	case err == nil:
		v.met.Store(true)
	case errors.Is(err, ErrBehind), errors.Is(err, ErrNotProvisioned):
		v.err, v.until = err, time.Now().Add(askAgain)
	}
	return err
}
