package pipeline

import (
	"database/sql/driver"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// decoder makes of a column's bytes, which are not NULL, what database/sql is given.
type decoder func(raw []byte) (driver.Value, error)

func decoders(types *pgtype.Map, fields []pgconn.FieldDescription) []decoder {
	made := make([]decoder, len(fields))
	for i, field := range fields {
		made[i] = decoderOf(types, field.DataTypeOID, field.Format)
	}
	return made
}

// decoderOf gives the types that Go knows as Go has them, and every other as its text.
func decoderOf(types *pgtype.Map, oid uint32, format int16) decoder {
	switch oid {
	case pgtype.BoolOID:
		return scanned(types, oid, format, func(v bool) (driver.Value, error) { return v, nil })
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return scanned(types, oid, format, func(v int64) (driver.Value, error) { return v, nil })
	case pgtype.Float4OID:
		return scanned(types, oid, format, func(v float32) (driver.Value, error) { return float64(v), nil })
	case pgtype.Float8OID:
		return scanned(types, oid, format, func(v float64) (driver.Value, error) { return v, nil })
	case pgtype.ByteaOID, pgtype.JSONOID, pgtype.JSONBOID, pgtype.XMLOID:
		return scanned(types, oid, format, func(v []byte) (driver.Value, error) { return v, nil })
	case pgtype.CIDOID, pgtype.OIDOID, pgtype.XIDOID:
		return scanned(types, oid, format, pgtype.Uint32.Value)
	case pgtype.DateOID:
		return scanned(types, oid, format, pgtype.Date.Value)
	case pgtype.TimestampOID:
		return scanned(types, oid, format, pgtype.Timestamp.Value)
	case pgtype.TimestamptzOID:
		return scanned(types, oid, format, pgtype.Timestamptz.Value)
	default:
		return func(raw []byte) (driver.Value, error) { return string(raw), nil }
	}
}

func scanned[T any](types *pgtype.Map, oid uint32, format int16, value func(T) (driver.Value, error)) decoder {
	var target T
	plan := types.PlanScan(oid, format, &target)
	return func(raw []byte) (driver.Value, error) {
		if err := plan.Scan(raw, &target); err != nil {
			return nil, err
		}
		return value(target)
	}
}
