package routing

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

// TestPushedOut: a statement that is pushed out between its finding and its use is
// recognised, so that its text can be sent instead.
func TestPushedOut(t *testing.T) {
	db, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	p := Prepare(db)
	ctx := context.Background()
	found := p.stmt(ctx, "SELECT 0")
	if found == nil {
		t.Fatal("nothing was prepared")
	}
	for i := range maxPrepared {
		if p.stmt(ctx, fmt.Sprint("SELECT ", i+1)) == nil {
			t.Fatal("nothing was prepared")
		}
	}
	if p.stmts.Contains("SELECT 0") || p.stmts.Len() > maxPrepared {
		t.Errorf("%d statements are kept, the oldest too", p.stmts.Len())
	}
	_, execErr := found.ExecContext(ctx)
	_, queryErr := found.QueryContext(ctx)
	for _, err := range []error{execErr, queryErr, found.QueryRowContext(ctx).Err()} {
		if !evicted(err) {
			t.Errorf("%v is not recognised", err)
		}
	}
	if evicted(nil) || evicted(sql.ErrNoRows) {
		t.Error("everything is")
	}
	// The same through the pool, as if another had pushed it out just now.
	p.stmts.Add("SELECT 7 AS n", found)
	var n int
	if err := p.QueryRowContext(ctx, "SELECT 7 AS n").Scan(&n); err != nil || n != 7 {
		t.Errorf("the text gave %d: %v", n, err)
	}
	rows, err := p.QueryContext(ctx, "SELECT 7 AS n")
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() || rows.Close() != nil || rows.Err() != nil {
		t.Error("there is no row")
	}
	if _, err := p.ExecContext(ctx, "SELECT 7 AS n"); err != nil {
		t.Error(err)
	}
}
