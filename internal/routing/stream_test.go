package routing_test

import (
	"context"
	"database/sql/driver"
	"io"
	"testing"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// oneRow is the answer to a statement that a database has done.
type oneRow struct{ read, closed int }

func (r *oneRow) Columns() []string { return []string{"id"} }
func (r *oneRow) Close() error      { r.closed++; return nil }

func (r *oneRow) Next(dest []driver.Value) error {
	if r.read++; r.read > 1 {
		return io.EOF
	}
	dest[0] = int64(7)
	return nil
}

// TestStreamsClosed: a statement that was sent before Close has an answer all the same, as
// nothing undoes it.
func TestStreamsClosed(t *testing.T) {
	t.Parallel()
	for name, used := range map[string]bool{"used before": true, "unused": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s routing.Streams
			if used {
				must(t, s.Row(context.Background(), &oneRow{}).Scan(new(int)))
			}
			must(t, s.Close())
			late := &oneRow{}
			rows, err := s.Rows(context.Background(), late)
			must(t, err)
			var id int
			for rows.Next() {
				must(t, rows.Scan(&id))
			}
			must(t, rows.Err())
			must(t, rows.Close())
			if id != 7 || late.closed != 1 {
				t.Errorf("the row is %d, and was closed %d times", id, late.closed)
			}
			must(t, s.Row(context.Background(), &oneRow{}).Scan(&id))
		})
	}
}
