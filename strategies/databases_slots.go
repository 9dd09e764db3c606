package strategies

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/budget"
)

// slots bounds the connections that pools have open on each server. A server of its own
// bound, so that the tenants of one that does not answer wait for themselves alone.
type slots struct {
	cfg     budget.Config
	servers *sync.Map // of *budget.Budget by the server
}

func (d Database) slots() (slots, error) {
	total := cmp.Or(d.MaxServerConns, max(defaultMaxServerConns, 2*d.MaxConns))
	switch {
	case total < 0:
		total = math.MaxInt
	case total <= d.MaxConns:
		return slots{}, &tenancy.Error{Kind: tenancy.ErrConfig, Detail: fmt.Sprintf("Database.MaxServerConns is %d and MaxConns %d, so one tenant could take all connections of a server; raise the first or lower the second", total, d.MaxConns)}
	}
	return slots{cfg: budget.Config{Total: total, Each: d.MaxConns, Wait: d.OpenTimeout}, servers: &sync.Map{}}, nil
}

func (s slots) of(server string) *budget.Budget {
	if found, ok := s.servers.Load(server); ok {
		return found.(*budget.Budget)
	}
	found, _ := s.servers.LoadOrStore(server, budget.New(s.cfg))
	return found.(*budget.Budget)
}

// take waits until the tenant may use one connection more.
func (s slots) take(ctx context.Context, at place) (*budget.Use, error) {
	use, err := s.of(at.server).Acquire(ctx, at.key)
	switch {
	case errors.Is(err, budget.ErrClosed):
		return nil, closedError(at.id)
	case errors.Is(err, budget.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return nil, &tenancy.Error{Kind: tenancy.ErrUnavailable, Tenant: at.id, Detail: fmt.Sprintf("no connection to the database %s has come free in time, of %d for a tenant and %d for all on the server; if the server is well, hold connections for less time, or raise MaxConns or MaxServerConns", at.group, s.cfg.Each, s.cfg.Total), Cause: err}
	}
	return use, err
}

// keep keeps a use that may have ended, or takes another.
func (s slots) keep(ctx context.Context, use *budget.Use, at place) (*budget.Use, error) {
	if use.Hold() {
		return use, nil
	}
	return s.take(ctx, at)
}

// lend has the connections of a pool bounded from now on, and returns what has to be
// called when it was closed.
func (s slots) lend(at place, db *sql.DB) (closed func()) {
	b := s.of(at.server)
	b.Attach(at.key, db)
	return func() { b.Detach(at.key, db) }
}

// close ends all waiting.
func (s slots) close() {
	s.servers.Range(func(_, b any) bool {
		b.(*budget.Budget).Close()
		return true
	})
}
