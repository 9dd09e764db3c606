package routing

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"reflect"
	"sync"
)

// Streams makes rows that do something when they are closed. *sql.Rows and *sql.Row
// are concrete types, so the only place for a hook is a driver underneath them: this
// one hands on the rows of another query, and ends that query's transaction when
// database/sql closes it: at the last row, at Close, or when the context ends. The
// zero value is ready, and safe for concurrent use.
type Streams struct {
	mu     sync.RWMutex // read while a stream is made
	db     *sql.DB
	closed bool
}

// Rows returns rows as database/sql has them. It closes them in the end, whatever happens.
func (s *Streams) Rows(ctx context.Context, rows driver.Rows) (*sql.Rows, error) {
	db := s.lend()
	defer s.back(db)
	made, err := db.QueryContext(context.WithValue(ctx, streamKey{}, rows), "")
	if err != nil {
		fail(rows, err)
		return nil, err
	}
	return made, nil
}

// Row is Rows for one row.
func (s *Streams) Row(ctx context.Context, rows driver.Rows) *sql.Row {
	db := s.lend()
	defer s.back(db)
	row := db.QueryRowContext(context.WithValue(ctx, streamKey{}, rows), "")
	if err := row.Err(); err != nil {
		fail(rows, err)
	}
	return row
}

// fail closes rows for an error that they could not see themselves.
func fail(rows driver.Rows, err error) {
	if s, ok := rows.(*stream); ok {
		s.ended = err
	}
	_ = rows.Close()
}

// lend returns a database that answers with streams, until it is given back. Once Streams is
// closed it is one for this stream alone: its statement was sent before that, and what a
// database has done must not be reported as refused.
func (s *Streams) lend() *sql.DB {
	s.mu.RLock()
	switch {
	case s.closed:
		return sql.OpenDB(streamConnector{})
	case s.db == nil:
		s.mu.RUnlock()
		s.open()
		return s.lend()
	default:
		return s.db
	}
}

func (s *Streams) back(db *sql.DB) {
	if db != s.db {
		_ = db.Close() // its stream goes on
	}
	s.mu.RUnlock()
}

func (s *Streams) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil && !s.closed {
		s.db = sql.OpenDB(streamConnector{})
		s.db.SetMaxIdleConns(maxIdleStreams)
	}
}

// maxIdleStreams bounds what is kept for the next streams: a few words each.
const maxIdleStreams = 64

// Close keeps nothing for new streams any more. Those that are open go on.
func (s *Streams) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}

type streamKey struct{}

// streamConnector makes connections that answer any query with the stream in its context.
type streamConnector struct{}

func (c streamConnector) Connect(context.Context) (driver.Conn, error) { return streamConn{}, nil }
func (c streamConnector) Driver() driver.Driver                        { return c }
func (c streamConnector) Open(string) (driver.Conn, error)             { return streamConn{}, nil }

type streamConn struct{}

func (streamConn) QueryContext(ctx context.Context, _ string, _ []driver.NamedValue) (driver.Rows, error) {
	return ctx.Value(streamKey{}).(driver.Rows), nil
}

func (streamConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (streamConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (streamConn) Close() error                        { return nil }

// stream is a driver.Rows over the rows of another query. finish is called once, after
// those are closed, with the error that ended them, if any; its own error is Close's.
type stream struct {
	inner   *sql.Rows
	finish  func(error) error
	once    sync.Once
	ended   error // why the rows ended, other than by being read to the end
	failure error
	targets []any
	types   []*sql.ColumnType
}

func (s *stream) Columns() []string {
	columns, err := s.inner.Columns()
	if err != nil {
		s.ended = err
	}
	return columns
}

// Close implements driver.Rows.
func (s *stream) Close() error {
	s.once.Do(func() {
		closed := s.inner.Close()
		if s.ended == nil {
			s.ended = closed
		}
		s.failure = s.finish(s.ended)
		if closed != nil {
			s.failure = closed
		}
	})
	return s.failure
}

// Next implements driver.Rows.
func (s *stream) Next(dest []driver.Value) error {
	if !s.inner.Next() {
		if s.ended = s.inner.Err(); s.ended != nil {
			return s.ended
		}
		return io.EOF
	}
	if s.targets == nil {
		s.targets = make([]any, len(dest))
		for i := range dest {
			s.targets[i] = new(any)
		}
	}
	if err := s.inner.Scan(s.targets...); err != nil {
		s.ended = err
		return err
	}
	for i, target := range s.targets {
		dest[i] = *target.(*any)
	}
	return nil
}

func (s *stream) column(i int) *sql.ColumnType {
	if s.types == nil {
		s.types, _ = s.inner.ColumnTypes()
	}
	if i >= len(s.types) {
		return &sql.ColumnType{}
	}
	return s.types[i]
}

// ColumnTypeScanType implements driver.RowsColumnTypeScanType.
func (s *stream) ColumnTypeScanType(i int) reflect.Type {
	if t := s.column(i).ScanType(); t != nil {
		return t
	}
	return reflect.TypeFor[any]()
}

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName.
func (s *stream) ColumnTypeDatabaseTypeName(i int) string { return s.column(i).DatabaseTypeName() }

// ColumnTypeLength implements driver.RowsColumnTypeLength.
func (s *stream) ColumnTypeLength(i int) (int64, bool) { return s.column(i).Length() }

// ColumnTypeNullable implements driver.RowsColumnTypeNullable.
func (s *stream) ColumnTypeNullable(i int) (nullable, ok bool) { return s.column(i).Nullable() }

// ColumnTypePrecisionScale implements driver.RowsColumnTypePrecisionScale.
func (s *stream) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	return s.column(i).DecimalSize()
}
