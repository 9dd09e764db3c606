package pipeline

import (
	"database/sql/driver"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// rows hands on the rows of a pipelined query as pgx's own driver would.
type rows struct {
	sent
	done   io.Closer // nil once it was closed
	names  []string  // of the columns; nil until they are asked for
	decode []decoder
	ready  bool // the next row was read ahead
}

// begin reads the first row ahead: where the server refuses the statement, it may say so
// only there.
func (r *rows) begin() error {
	r.ready = r.result.NextRow()
	if !r.ready {
		if _, err := r.result.Close(); err != nil {
			return r.failed(err)
		}
	}
	return nil
}

func (r *rows) field(i int) pgconn.FieldDescription { return r.result.FieldDescriptions()[i] }

// Columns implements driver.Rows.
func (r *rows) Columns() []string {
	fields := r.result.FieldDescriptions()
	if r.names == nil {
		r.names = make([]string, len(fields))
		for i := range fields {
			r.names[i] = fields[i].Name
		}
	}
	return r.names
}

// Next implements driver.Rows.
func (r *rows) Next(dest []driver.Value) error {
	if !r.ready && !r.result.NextRow() {
		if _, err := r.result.Close(); err != nil {
			return err
		}
		return io.EOF
	}
	r.ready = false
	if r.decode == nil {
		r.decode = r.decoders()
	}
	values := r.result.Values()
	if len(values) != len(dest) {
		return errors.New("the server sent a row that has not as many values as columns")
	}
	for i, raw := range values {
		dest[i] = nil
		if raw == nil {
			continue
		}
		var err error
		if dest[i], err = r.decode[i](raw); err != nil {
			return err
		}
	}
	return nil
}

// decoders are those of the statement, where the columns are what they were.
func (r *rows) decoders() []decoder {
	fields, known := r.result.FieldDescriptions(), r.message.statement
	if known == nil || !known.describes(fields) {
		return decoders(r.session.types, fields)
	}
	if known.decoders == nil {
		known.decoders = decoders(r.session.types, fields)
	}
	return known.decoders
}

// Close implements driver.Rows.
func (r *rows) Close() error {
	if r.done == nil {
		return nil
	}
	err := r.end()
	if back := r.done.Close(); err == nil {
		err = back
	}
	r.done = nil
	return err
}

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName.
func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	oid := r.field(i).DataTypeOID
	if known, ok := r.session.types.TypeForOID(oid); ok {
		return strings.ToUpper(known.Name)
	}
	return strconv.FormatUint(uint64(oid), 10)
}

const (
	// varHeader is what a type modifier counts besides the length it declares.
	varHeader = 4
	// undeclared is the modifier of a type that was declared without one.
	undeclared = -1
	// microseconds are the digits after the point of a time that was declared without a number.
	microseconds = 6
)

// ColumnTypeLength implements driver.RowsColumnTypeLength.
func (r *rows) ColumnTypeLength(i int) (int64, bool) {
	field := r.field(i)
	header := int64(varHeader)
	switch field.DataTypeOID {
	case pgtype.TextOID, pgtype.ByteaOID:
		return math.MaxInt64, true
	case pgtype.VarbitOID:
		header = 0
	case pgtype.VarcharOID, pgtype.BPCharOID:
	default:
		return 0, false
	}
	if field.TypeModifier == undeclared {
		return math.MaxInt64, true
	}
	return int64(field.TypeModifier) - header, true
}

// ColumnTypePrecisionScale implements driver.RowsColumnTypePrecisionScale. Of times it is the
// digits after the point of a second.
func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	field := r.field(i)
	const bits, mask = 16, 0xffff
	switch field.DataTypeOID {
	case pgtype.NumericOID:
		if field.TypeModifier == undeclared {
			return 0, 0, false
		}
		modifier := int64(field.TypeModifier - varHeader)
		return modifier >> bits & mask, modifier & mask, true
	case pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.TimeOID, pgtype.TimetzOID, pgtype.IntervalOID:
		digits := int64(field.TypeModifier) & mask
		if digits == mask { // an interval may be declared with its fields alone
			digits = microseconds
		}
		return 0, digits, true
	default:
		return 0, 0, false
	}
}

// ColumnTypeScanType implements driver.RowsColumnTypeScanType.
func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	switch r.field(i).DataTypeOID {
	case pgtype.Float8OID, pgtype.NumericOID:
		return reflect.TypeFor[float64]()
	case pgtype.Float4OID:
		return reflect.TypeFor[float32]()
	case pgtype.Int8OID:
		return reflect.TypeFor[int64]()
	case pgtype.Int4OID:
		return reflect.TypeFor[int32]()
	case pgtype.Int2OID:
		return reflect.TypeFor[int16]()
	case pgtype.BoolOID:
		return reflect.TypeFor[bool]()
	case pgtype.DateOID, pgtype.TimestampOID, pgtype.TimestamptzOID:
		return reflect.TypeFor[time.Time]()
	case pgtype.ByteaOID:
		return reflect.TypeFor[[]byte]()
	default:
		return reflect.TypeFor[string]()
	}
}
