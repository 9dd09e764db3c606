package pipeline

import (
	"context"
	"errors"
	"strconv"
	"strings"

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
	statements *simplelru.LRU[string, *statement] // by their texts
	models     *simplelru.LRU[string, *statement] // by their texts without a schema
	made       int
	stale      []string // names of statements to give back to the server
	room       room
}

// room is where what is to be sent is put together. It is used again for the next statement.
type room struct {
	opening []message
	begin   message      // the first of a transaction
	begun   pgconn.Batch // what it is sent as
	texts   []byte       // of the settings
	values  [][]byte
	built   pgx.ExtendedQueryBuilder
}

// roomy is how many arguments are as many as most statements have.
const roomy = 64

// clear lets go of the arguments of a message that was written: those of a large statement are
// not kept until the next.
func (s *session) clear(m *message) {
	if len(m.values) > roomy {
		s.room.built = pgx.ExtendedQueryBuilder{}
	}
	m.values, m.formats = nil, nil
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
		if old != nil && !old.borrowed {
			s.stale = append(s.stale, old.Name)
		}
	})
	s.models, _ = simplelru.NewLRU[string, *statement](maxStatements, nil)
	data[sessionKey] = s
	return s
}

// statement returns what is known of a query, or nil in the mode that prepares nothing.
//
// A query that is new here is prepared, in a round trip of its own, outside the settings:
// one whose tables only they make known cannot be, and is not tried again. Once there are
// as many as may be, one that differs from a known one in its schema alone is at first not
// prepared but sent with the types of that: of so many tenants, few come again before they
// are forgotten.
func (s *session) statement(ctx context.Context, query, schema string) (*statement, error) {
	switch s.mode {
	case pgx.QueryExecModeExec:
		return nil, nil //nolint:nilnil // nothing is prepared, and nothing is wrong
	case pgx.QueryExecModeCacheStatement:
	default:
		return nil, routing.ErrNoPipeline
	}
	known, ok := s.statements.Get(query)
	switch {
	case known != nil && !known.borrowed:
		return known, nil
	case known == nil && ok: // the server refused it before
		return nil, routing.ErrNoPipeline
	}
	like := withoutSchema(query, schema)
	if !ok && schema != "" && s.statements.Len() == maxStatements {
		if model, ok := s.models.Get(like); ok {
			s.statements.Add(query, model)
			return model, nil
		}
	}
	return s.prepare(ctx, query, like)
}

// withoutSchema is what queries have in common that differ in their schema alone.
func withoutSchema(query, schema string) string {
	return strings.ReplaceAll(query, pgx.Identifier{schema}.Sanitize()+".", ".")
}

func (s *session) prepare(ctx context.Context, query, like string) (*statement, error) {
	s.made++
	made, err := s.conn.Prepare(ctx, "tenancy_"+strconv.Itoa(s.made), query, nil)
	var refused *pgconn.PgError
	switch {
	case err == nil:
		known := newStatement(made)
		s.statements.Add(query, known)
		s.models.Add(like, known.lent())
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
