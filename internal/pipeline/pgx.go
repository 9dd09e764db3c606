package pipeline

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// Pgx is the [routing.Pipeline] of connections that pgx's stdlib package made, in its modes
// cache_statement and exec. The zero value is ready, and safe for concurrent use.
type Pgx struct{}

// Exec implements [routing.Pipeline].
func (Pgx) Exec(ctx context.Context, conn any, o routing.Opening, query string, args []any) (driver.Result, error) {
	var one sent
	if err := one.send(ctx, conn, o, query, args); err != nil {
		return nil, err
	}
	tag, err := one.result.Close()
	if err != nil {
		return nil, one.failed(err)
	}
	if err := one.end(); err != nil {
		return nil, err
	}
	return driver.RowsAffected(tag.RowsAffected()), nil
}

// Query implements [routing.Pipeline]. The rows use the connection until they are closed.
func (Pgx) Query(ctx context.Context, conn any, o routing.Opening, query string, args []any, done io.Closer) (driver.Rows, error) {
	r := &rows{done: done}
	if err := r.send(ctx, conn, o, query, args); err != nil {
		return nil, err
	}
	if err := r.begin(); err != nil {
		return nil, err
	}
	return r, nil
}

// sent is a statement on its way, with the first of its answer.
type sent struct {
	session *session
	answers *pgconn.MultiResultReader
	message message
	traced  func(error)
	result  *pgconn.ResultReader
}

// send sends the settings and the statement, and reads until the statement's own answer
// begins. Whatever fails before that was not done.
func (s *sent) send(ctx context.Context, conn any, o routing.Opening, query string, args []any) error {
	c, ok := conn.(*stdlib.Conn)
	if !ok {
		return routing.ErrNoPipeline
	}
	s.session = sessionOf(c.Conn())
	batch, opening, err := s.session.opening(ctx, o)
	if err != nil {
		return err
	}
	if s.message, err = s.session.message(ctx, query, o.Schema, args); err != nil {
		return err
	}
	ctx, s.traced = s.session.trace(ctx, query, args)
	s.message.queue(&batch)
	s.session.clear(&s.message)
	return s.open(ctx, &batch, opening)
}

// open sends the messages, and reads the answers to what goes before the statement.
func (s *sent) open(ctx context.Context, batch *pgconn.Batch, before []message) error {
	s.answers = s.session.conn.ExecBatch(ctx, batch)
	for i := range before {
		err := s.next()
		if err == nil {
			_, err = s.result.Close()
		}
		if err != nil {
			s.session.forget(before[i].text)
			return s.unsent(ctx, err)
		}
	}
	if err := s.next(); err != nil {
		return s.failed(err)
	}
	return nil
}

// next reads until the next answer begins.
func (s *sent) next() error {
	if s.answers.NextResult() {
		s.result = s.answers.ResultReader()
		return nil
	}
	return cmp.Or(s.answers.Close(), io.ErrUnexpectedEOF)
}

// unsent ends what was sent where the statement had no turn.
func (s *sent) unsent(ctx context.Context, err error) error {
	_ = s.answers.Close()
	s.traced(err)
	var answered *pgconn.PgError
	if ctx.Err() == nil && (errors.As(err, &answered) || pgconn.SafeToRetry(err)) {
		return errors.Join(routing.ErrNoPipeline, err)
	}
	return err
}

// failed ends what was sent where the server refused the statement. It undid everything
// with that.
func (s *sent) failed(err error) error {
	_ = s.answers.Close()
	s.traced(err)
	s.session.forget(s.message.text)
	if s.message.unplanned(err) {
		return errors.Join(routing.ErrNoPipeline, err)
	}
	return err
}

// end reads to the end of the implicit transaction: what is deferred to it fails here.
func (s *sent) end() error {
	err := s.answers.Close()
	s.traced(err)
	if err != nil {
		s.session.forget(s.message.text)
	}
	return err
}

// unplanned recognises the failure of what was prepared, rather than of what was asked:
// its plan no longer fits, or is gone; or its parameters have other types by now, or in this
// schema.
func (m *message) unplanned(err error) bool {
	var answered *pgconn.PgError
	if !errors.As(err, &answered) {
		return false
	}
	switch answered.Code {
	case "0A000", "26000", "08P01":
		return true
	case "42804", "42883":
		return m.statement != nil
	default:
		return false
	}
}
