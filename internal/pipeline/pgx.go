package pipeline

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// Pgx is the [routing.Pipeline] of connections that pgx's stdlib package made, in its modes
// cache_statement and exec. The zero value is ready, and safe for concurrent use.
type Pgx struct{}

// Exec implements [routing.Pipeline].
func (Pgx) Exec(ctx context.Context, conn any, o routing.Opening, query string, args []any) (driver.Result, error) {
	sent, err := send(ctx, conn, o, query, args)
	if err != nil {
		return nil, err
	}
	tag, err := sent.result.Close()
	if err != nil {
		return nil, sent.failed(err)
	}
	if err := sent.end(); err != nil {
		return nil, err
	}
	return driver.RowsAffected(tag.RowsAffected()), nil
}

// Query implements [routing.Pipeline]. The rows use the connection until they are closed.
func (Pgx) Query(ctx context.Context, conn any, o routing.Opening, query string, args []any, done func() error) (driver.Rows, error) {
	sent, err := send(ctx, conn, o, query, args)
	if err != nil {
		return nil, err
	}
	return newRows(sent, done)
}

// sent is a statement on its way, with the first of its answer.
type sent struct {
	session  *session
	pipeline *pgconn.Pipeline
	query    string
	traced   func(error)
	result   *pgconn.ResultReader
}

// send sends the settings and the statement, and reads until the statement's own answer
// begins. Whatever fails before that was not done.
func send(ctx context.Context, conn any, o routing.Opening, query string, args []any) (*sent, error) {
	c, ok := conn.(*stdlib.Conn)
	if !ok {
		return nil, routing.ErrNoPipeline
	}
	s := sessionOf(c.Conn())
	opening, err := s.opening(ctx, o)
	if err != nil {
		return nil, err
	}
	own, err := s.message(ctx, query, args)
	if err != nil {
		return nil, err
	}
	ctx, traced := s.trace(ctx, query, args)
	p := s.conn.StartPipeline(ctx)
	sent := &sent{session: s, pipeline: p, query: query, traced: traced}
	if err := sent.open(ctx, append(opening, own)); err != nil {
		return nil, err
	}
	answer, err := p.GetResults()
	if err != nil {
		return nil, sent.failed(err)
	}
	sent.result = answer.(*pgconn.ResultReader)
	return sent, nil
}

// opening is what goes before a statement.
func (s *session) opening(ctx context.Context, o routing.Opening) ([]*message, error) {
	var messages []*message
	if o.Begin {
		messages = append(messages, &message{text: "begin"})
	}
	set, values := routing.SetLocal(o.Settings)
	settings, err := s.message(ctx, set, values)
	return append(messages, settings), err
}

// open sends messages, and reads the answers to all but the last.
func (s *sent) open(ctx context.Context, messages []*message) error {
	stale := s.session.stale
	s.session.stale = nil
	for _, name := range stale {
		s.pipeline.SendDeallocate(name)
	}
	for _, m := range messages {
		m.send(s.pipeline)
	}
	if err := s.pipeline.Sync(); err != nil {
		return s.unsent(ctx, err)
	}
	for range len(stale) + len(messages) - 1 {
		if _, err := s.pipeline.GetResults(); err != nil {
			s.session.forget(messages[len(messages)-2].text)
			return s.unsent(ctx, err)
		}
	}
	return nil
}

// unsent ends a pipeline in which the statement had no turn.
func (s *sent) unsent(ctx context.Context, err error) error {
	_ = s.pipeline.Close()
	s.traced(err)
	var answered *pgconn.PgError
	if ctx.Err() == nil && (errors.As(err, &answered) || pgconn.SafeToRetry(err)) {
		return errors.Join(routing.ErrNoPipeline, err)
	}
	return err
}

// failed ends a pipeline whose statement the server refused. It undid everything with that.
func (s *sent) failed(err error) error {
	_ = s.pipeline.Close()
	s.traced(err)
	s.session.forget(s.query)
	if unplanned(err) {
		return errors.Join(routing.ErrNoPipeline, err)
	}
	return err
}

// end reads to the end of the implicit transaction: what is deferred to it fails here.
func (s *sent) end() error {
	err := s.pipeline.Close()
	s.traced(err)
	if err != nil {
		s.session.forget(s.query)
	}
	return err
}

// unplanned recognises the failure of what was prepared, rather than of what was asked:
// its plan no longer fits, or is gone.
func unplanned(err error) bool {
	var answered *pgconn.PgError
	if !errors.As(err, &answered) {
		return false
	}
	switch answered.Code {
	case "0A000", "26000", "08P01":
		return true
	default:
		return false
	}
}

// message is a statement with its arguments, ready to be sent.
type message struct {
	text      string
	statement *pgconn.StatementDescription // nil: not prepared
	built     pgx.ExtendedQueryBuilder
	formats   []int16 // of the result's columns
}

func (s *session) message(ctx context.Context, query string, args []any) (*message, error) {
	statement, err := s.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	m := &message{text: query, statement: statement}
	if err := m.built.Build(s.types, statement, args); err != nil {
		return nil, errors.Join(routing.ErrNoPipeline, err) // database/sql says it in its own words
	}
	if statement != nil {
		m.formats = make([]int16, len(statement.Fields))
		for i, field := range statement.Fields {
			m.formats[i] = formatOf(field.DataTypeOID)
		}
	}
	return m, nil
}

func (m *message) send(p *pgconn.Pipeline) {
	if m.statement == nil {
		p.SendQueryParams(m.text, m.built.ParamValues, nil, m.built.ParamFormats, nil)
		return
	}
	p.SendQueryStatement(m.statement, m.built.ParamValues, m.built.ParamFormats, m.formats)
}

// formatOf asks for bytes where Go has the type, and for the server's text elsewhere.
func formatOf(oid uint32) int16 {
	switch oid {
	case pgtype.BoolOID, pgtype.ByteaOID, pgtype.CIDOID, pgtype.DateOID, pgtype.Float4OID, pgtype.Float8OID,
		pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.XIDOID:
		return pgtype.BinaryFormatCode
	default:
		return pgtype.TextFormatCode
	}
}
