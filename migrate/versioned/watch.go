package versioned

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"

	"github.com/gormtenancy/tenancy"
)

// watch looks at the texts of a tenant's session when they are sent: those that were not
// in a file, above all. It is a tracer of pgx, which can stop a statement only by ending
// its context; the reason is kept.
type watch struct {
	place *place

	mu      sync.Mutex
	refused error
}

// over puts the watch behind the tracer that a connection has.
func (w *watch) over(tracer pgx.QueryTracer) pgx.QueryTracer {
	if tracer == nil {
		return w
	}
	return multitracer.New(tracer, w)
}

// TraceQueryStart implements pgx.QueryTracer.
func (w *watch) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return w.look(ctx, data.SQL)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*watch) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TracePrepareStart implements pgx.PrepareTracer.
func (w *watch) TracePrepareStart(ctx context.Context, _ *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	return w.look(ctx, data.SQL)
}

// TracePrepareEnd implements pgx.PrepareTracer.
func (*watch) TracePrepareEnd(context.Context, *pgx.Conn, pgx.TracePrepareEndData) {}

func (w *watch) look(ctx context.Context, query string) context.Context {
	why := w.place.leaves(wordsOf(query))
	if why == "" {
		return ctx
	}
	w.mu.Lock()
	w.refused = &tenancy.Error{Kind: tenancy.ErrRawSQL, Detail: "a statement of a migration leaves the tenant: " + why}
	w.mu.Unlock()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return ended
}

// reason is why a statement was stopped, if one was, and err if none was.
func (w *watch) reason(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused != nil {
		return w.refused
	}
	return err
}
