package pipeline

import (
	"context"
	"errors"
	"strconv"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// maxStatements bounds the statements that are prepared on one connection.
const maxStatements = 256

// session is what a connection remembers: its mode, and the statements prepared on it. It
// is used by whoever has the connection, one at a time.
type session struct {
	conn       *pgconn.PgConn
	outer      *pgx.Conn
	tracer     pgx.QueryTracer // nil: nobody wants to know
	types      *pgtype.Map
	mode       pgx.QueryExecMode
	statements *simplelru.LRU[string, *statement]
	made       int
	stale      []string // names of statements to give back to the server
}

// sessionKey is the session's place in the connection's own data.
const sessionKey = "tenancy:pipeline"

func sessionOf(conn *pgx.Conn) *session {
	data := conn.PgConn().CustomData()
	if known, ok := data[sessionKey].(*session); ok {
		return known
	}
	config := conn.Config()
	s := &session{conn: conn.PgConn(), outer: conn, types: conn.TypeMap(), mode: config.DefaultQueryExecMode}
	s.tracer = config.Tracer
	// The only error is for a size below one.
	s.statements, _ = simplelru.NewLRU(maxStatements, func(_ string, old *statement) {
		if old != nil {
			s.stale = append(s.stale, old.Name)
		}
	})
	data[sessionKey] = s
	return s
}

// statement returns the prepared form of query, or nil in the mode that prepares nothing.
// A query that is new here costs a round trip of its own, outside the settings: one whose
// tables only they make known cannot be prepared, and is not tried again.
func (s *session) statement(ctx context.Context, query string) (*statement, error) {
	switch s.mode {
	case pgx.QueryExecModeExec:
		return nil, nil //nolint:nilnil // nothing is prepared, and nothing is wrong
	case pgx.QueryExecModeCacheStatement:
	default:
		return nil, routing.ErrNoPipeline
	}
	known, ok := s.statements.Get(query)
	switch {
	case known != nil:
		return known, nil
	case ok: // the server refused it before
		return nil, routing.ErrNoPipeline
	}
	s.made++
	made, err := s.conn.Prepare(ctx, "tenancy_"+strconv.Itoa(s.made), query, nil)
	var refused *pgconn.PgError
	switch {
	case err == nil:
		known = newStatement(made)
		s.statements.Add(query, known)
		return known, nil
	case errors.As(err, &refused):
		s.statements.Add(query, nil)
	}
	return nil, errors.Join(routing.ErrNoPipeline, err)
}

// forget gives back the statements of queries that failed: a plan may be stale.
func (s *session) forget(queries ...string) {
	for _, query := range queries {
		s.statements.Remove(query)
	}
}

// trace tells the connection's tracer of a query, and returns what tells it of the end.
func (s *session) trace(ctx context.Context, query string, args []any) (context.Context, func(error)) {
	if s.tracer == nil {
		return ctx, func(error) {}
	}
	ctx = s.tracer.TraceQueryStart(ctx, s.outer, pgx.TraceQueryStartData{SQL: query, Args: args})
	return ctx, func(err error) { s.tracer.TraceQueryEnd(ctx, s.outer, pgx.TraceQueryEndData{Err: err}) }
}
