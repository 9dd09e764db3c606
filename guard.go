package tenancy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Requirement is what a tenant must have before its statements run: see Current in the
// packages migrate and versioned. It may be called from several goroutines at once.
type Requirement interface {
	// Met returns nil where the tenant has what is required, and [ErrBehind] with what it
	// has, what is required and what to do where it has not. Any other error means that
	// it could not be found out. It is asked outside of the statement's transaction.
	Met(ctx context.Context, in *Installation, t Tenant) error
}

// askAgain is how long a tenant that is behind is not asked about again.
const askAgain = time.Second

// guard remembers which tenants have what is required.
type guard struct {
	mu       sync.Mutex
	verdicts map[string]*verdict // by Provider.Group
}

// verdict is what is known of one tenant, or of all that share their structures.
type verdict struct {
	met  atomic.Bool
	turn chan struct{} // held by whoever asks

	until time.Time // err holds until then
	err   error
}

func (g *guard) verdict(group string) *verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := g.verdicts[group]
	if v == nil {
		if g.verdicts == nil {
			g.verdicts = map[string]*verdict{}
		}
		v = &verdict{turn: make(chan struct{}, 1)}
		g.verdicts[group] = v
	}
	return v
}

// admit finds the route of a context, and refuses a tenant that lacks what is required. A
// context remembers the route of a tenant that does not.
func (in *Installation) admit(ctx context.Context) (*route, error) {
	r, err := in.route(ctx)
	if err != nil || in.config.Require == nil || !r.narrows() || r.scope.route.Load() == r {
		return r, err
	}
	t := r.scope.tenant
	v := in.guard.verdict(in.provider.Group(t))
	if err := v.ask(ctx, func() error { return in.config.Require.Met(ctx, in, t) }); err != nil {
		return nil, in.complete(err, "require", t)
	}
	r.scope.route.Store(r)
	return r, nil
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
	case errors.Is(err, ErrBehind):
		v.err, v.until = err, time.Now().Add(askAgain)
	}
	return err
}
