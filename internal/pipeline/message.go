package pipeline

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// message is a statement with its arguments, ready to be sent. The arguments are in the
// session's room, until the next is made.
type message struct {
	text      string
	statement *statement // nil: not prepared
	values    [][]byte
	formats   []int16 // of the values; nil: all are texts
}

// message makes the message of a query.
func (s *session) message(ctx context.Context, query, schema string, args []any) (message, error) {
	known, err := s.statement(ctx, query, schema)
	if err != nil {
		return message{}, err
	}
	built := &s.room.built
	if err := built.Build(s.types, known.description(), args); err != nil {
		return message{}, errors.Join(routing.ErrNoPipeline, err) // database/sql says it in its own words
	}
	return message{text: query, statement: known, values: built.ParamValues, formats: built.ParamFormats}, nil
}

// opening makes the messages that go before a statement, and the batch that they are sent in.
// Statements that were forgotten are given back to the server with them.
func (s *session) opening(ctx context.Context, o routing.Opening) (batch pgconn.Batch, messages []message, err error) {
	messages = s.room.opening[:0]
	if o.Begin {
		if batch, err = s.begin(ctx); err != nil {
			return batch, nil, err
		}
		messages = append(messages, s.room.begin)
	}
	for _, name := range s.stale {
		messages = append(messages, message{text: "deallocate " + name})
		messages[len(messages)-1].queue(&batch)
	}
	s.stale = s.stale[:0]
	query := routing.SetLocalText(len(o.Settings))
	known, err := s.statement(ctx, query, "")
	if err != nil {
		return batch, nil, err
	}
	settings := message{text: query, statement: known, values: s.parameters(o.Settings)}
	settings.queue(&batch)
	messages = append(messages, settings)
	s.room.opening = messages
	return batch, messages, nil
}

// begin is a batch that begins a transaction. It is made once: all begin with the same bytes.
func (s *session) begin(ctx context.Context) (pgconn.Batch, error) {
	known, err := s.statement(ctx, "begin", "")
	if err != nil {
		return pgconn.Batch{}, err
	}
	if s.room.begin.text == "" || s.room.begin.statement != known {
		s.room.begin, s.room.begun = message{text: "begin", statement: known}, pgconn.Batch{}
		s.room.begin.queue(&s.room.begun)
	}
	return s.room.begun, nil
}

// parameters are the names and the values of settings.
func (s *session) parameters(settings []routing.Setting) [][]byte {
	values, texts := s.room.values[:0], s.room.texts[:0]
	for _, setting := range settings {
		for _, text := range []string{setting.Name, setting.Value} {
			begin := len(texts)
			texts = append(texts, text...)
			values = append(values, texts[begin:len(texts):len(texts)])
		}
	}
	s.room.values, s.room.texts = values, texts
	return values
}

func (m *message) queue(batch *pgconn.Batch) {
	switch {
	case m.statement == nil:
		batch.ExecParams(m.text, m.values, nil, m.formats, nil)
	case m.statement.borrowed:
		batch.ExecParams(m.text, m.values, m.statement.ParamOIDs, m.formats, m.statement.formats)
	default:
		batch.ExecStatement(m.statement.StatementDescription, m.values, m.formats, m.statement.formats)
	}
}

// statement is a statement as it was prepared on a connection.
type statement struct {
	*pgconn.StatementDescription
	borrowed bool      // it is that of another schema, and nothing is prepared for this one
	formats  []int16   // in which its rows are asked for
	decoders []decoder // of its columns; nil until rows of it are read
}

func newStatement(description *pgconn.StatementDescription) *statement {
	formats := make([]int16, len(description.Fields))
	for i, field := range description.Fields {
		formats[i] = formatOf(field.DataTypeOID)
	}
	return &statement{StatementDescription: description, formats: formats}
}

// lent is the statement for other schemas. Its rows are asked for as text, as columns may
// have other types there.
func (s *statement) lent() *statement {
	return &statement{StatementDescription: s.StatementDescription, borrowed: true, formats: make([]int16, len(s.Fields))}
}

func (s *statement) description() *pgconn.StatementDescription {
	if s == nil {
		return nil
	}
	return s.StatementDescription
}

// describes reports whether columns have the types and formats that they are known with.
func (s *statement) describes(fields []pgconn.FieldDescription) bool {
	if len(s.Fields) != len(fields) {
		return false
	}
	for i := range fields {
		if fields[i].DataTypeOID != s.Fields[i].DataTypeOID || fields[i].Format != s.formats[i] {
			return false
		}
	}
	return true
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
