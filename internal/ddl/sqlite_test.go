package ddl_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/ddl"
)

// open opens a database with a parent and a child that goes with it. Its driver has no
// patience of its own.
func open(t testing.TB, path string, foreignKeys string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_busy_timeout=0&_foreign_keys="+foreignKeys)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func seed(t testing.TB, db *sql.DB) {
	t.Helper()
	for _, query := range []string{
		"CREATE TABLE parents (id integer PRIMARY KEY, n integer)",
		"CREATE TABLE children (id integer PRIMARY KEY, parent_id integer NOT NULL REFERENCES parents(id) ON DELETE CASCADE)",
		"INSERT INTO parents VALUES (1, 0)", "INSERT INTO children VALUES (1, 1), (2, 1)",
	} {
		_, err := db.Exec(query)
		must(t, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func number(t testing.TB, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, query string,
) int {
	t.Helper()
	var n int
	must(t, db.QueryRowContext(context.Background(), query).Scan(&n))
	return n
}

func exclusive(ctx context.Context, db *sql.DB, fn func(tx gorm.ConnPool) error) error {
	return ddl.Exclusive(ctx, db, "sqlite", "key", fn)
}

// TestContention: many goroutines on several handles, as if in several processes, and
// never two at once.
func TestContention(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	handles := []*sql.DB{open(t, path, "on"), open(t, path, "on"), open(t, path, "off")}
	seed(t, handles[0])
	var workers sync.WaitGroup
	var inside sync.Mutex
	const each, goroutines = 3, 9
	for i := range goroutines {
		workers.Go(func() {
			for range each {
				err := exclusive(t.Context(), handles[i%len(handles)], func(tx gorm.ConnPool) error {
					if !inside.TryLock() {
						t.Error("two at once")
						return nil
					}
					defer inside.Unlock()
					n := number(t, tx, "SELECT n FROM parents")
					time.Sleep(time.Millisecond)
					_, err := tx.ExecContext(t.Context(), "UPDATE parents SET n = ?", n+1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	if n := number(t, handles[0], "SELECT n FROM parents"); n != each*goroutines {
		t.Errorf("%d of %d changes are there", n, each*goroutines)
	}
}

// TestRollBack: an error or a panic rolls everything back, and the error is the very same.
func TestRollBack(t *testing.T) {
	errMine := errors.New("mine")
	for name, end := range map[string]func() error{
		"error": func() error { return errMine },
		"panic": func() error { panic(errMine) },
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, filepath.Join(t.TempDir(), "a.db"), "on")
			db.SetMaxOpenConns(1)
			seed(t, db)
			err := func() (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = v.(error)
					}
				}()
				return exclusive(t.Context(), db, func(tx gorm.ConnPool) error {
					for _, query := range []string{"CREATE TABLE more (id integer)", "DELETE FROM parents", "ALTER TABLE children ADD COLUMN x integer"} {
						_, err := tx.ExecContext(t.Context(), query)
						must(t, err)
					}
					return end()
				})
			}()
			if err != errMine {
				t.Errorf("the error came back as %v", err)
			}
			if number(t, db, "SELECT count(*) FROM sqlite_master WHERE name = 'more'") != 0 || number(t, db, "SELECT count(*) FROM children") != 2 {
				t.Error("something was left")
			}
			if number(t, db, "PRAGMA foreign_keys") != 1 {
				t.Error("foreign keys stay off on the connection")
			}
			_, err = db.Exec("BEGIN; COMMIT")
			must(t, err)
		})
	}
}

// TestForeignKeys are off while a table is replaced, checked at the end, and then as before.
func TestForeignKeys(t *testing.T) {
	rebuild := []string{
		"CREATE TABLE made (id integer PRIMARY KEY, n text)", "INSERT INTO made SELECT id, n FROM parents",
		"DROP TABLE parents", "ALTER TABLE made RENAME TO parents",
	}
	for name, test := range map[string]struct {
		keys    string
		queries []string
		fails   bool
		want    int // children
	}{
		"rebuilt, keys on":   {"on", rebuild, false, 2},
		"rebuilt, keys off":  {"off", rebuild, false, 2},
		"orphaned, keys on":  {"on", []string{"DELETE FROM parents"}, true, 2},
		"orphaned, keys off": {"off", []string{"DELETE FROM parents"}, false, 2},
		"table gone":         {"on", []string{"DROP TABLE parents"}, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, filepath.Join(t.TempDir(), "a.db"), test.keys)
			db.SetMaxOpenConns(1) // so that it is the same connection afterwards
			seed(t, db)
			before := number(t, db, "PRAGMA foreign_keys")
			err := exclusive(t.Context(), db, func(tx gorm.ConnPool) error {
				for _, query := range test.queries {
					if _, err := tx.ExecContext(t.Context(), query); err != nil {
						return err
					}
				}
				return nil
			})
			if (err != nil) != test.fails {
				t.Errorf("the error is %v", err)
			}
			if n := number(t, db, "SELECT count(*) FROM children"); n != test.want {
				t.Errorf("%d children are left", n)
			}
			if test.fails && number(t, db, "SELECT count(*) FROM parents") != 1 {
				t.Error("the parent is lost")
			}
			if after := number(t, db, "PRAGMA foreign_keys"); after != before {
				t.Errorf("foreign keys were %d and are %d", before, after)
			}
		})
	}
}

// TestWaitingEnds with the context, and leaves the connection usable.
func TestWaitingEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	holder, waiter := open(t, path, "on"), open(t, path, "on")
	waiter.SetMaxOpenConns(1)
	seed(t, holder)
	must(t, exclusive(t.Context(), holder, func(gorm.ConnPool) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := exclusive(ctx, waiter, func(gorm.ConnPool) error {
			t.Error("two at once")
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting ended with %v", err)
		}
		return nil
	}))
	if number(t, waiter, "PRAGMA foreign_keys") != 1 {
		t.Error("foreign keys stay off on the connection that waited")
	}
	must(t, exclusive(t.Context(), waiter, func(gorm.ConnPool) error { return nil }))
}

// TestCancelledInside rolls back, and leaves the connection usable.
func TestCancelledInside(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), "on")
	db.SetMaxOpenConns(1)
	seed(t, db)
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		err := exclusive(ctx, db, func(tx gorm.ConnPool) error {
			_, err := tx.ExecContext(ctx, "CREATE TABLE more (id integer)")
			must(t, err)
			time.AfterFunc(100*time.Microsecond, cancel)
			_, err = tx.ExecContext(ctx, "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 300000) INSERT INTO more SELECT n FROM r")
			return err
		})
		cancel()
		if err == nil {
			t.Fatal("the cancelled work succeeded")
		}
		if number(t, db, "SELECT count(*) FROM sqlite_master WHERE name = 'more'") != 0 || number(t, db, "PRAGMA foreign_keys") != 1 {
			t.Fatal("something was left")
		}
	}
}

// TestRecorder writes down what would change something, and changes nothing.
func TestRecorder(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), "on")
	seed(t, db)
	r := &ddl.Recorder{ConnPool: db}
	for _, query := range []string{
		"SAVEPOINT x", "CREATE TABLE more (id integer)", "  drop table parents", "PRAGMA foreign_keys = OFF", "RELEASE SAVEPOINT x", "rollback to x", "INSERT INTO parents VALUES (7, 7)",
	} {
		_, err := r.ExecContext(t.Context(), query)
		must(t, err)
	}
	want := []string{"CREATE TABLE more (id integer)", "  drop table parents", "INSERT INTO parents VALUES (7, 7)"}
	if len(r.Statements) != len(want) {
		t.Fatalf("recorded %q", r.Statements)
	}
	for i := range want {
		if r.Statements[i] != want[i] {
			t.Errorf("recorded %q, want %q", r.Statements[i], want[i])
		}
	}
	must(t, errors.Join(r.Commit(), r.Rollback()))
	if number(t, r, "SELECT count(*) FROM parents") != 1 || number(t, db, "SELECT count(*) FROM sqlite_master WHERE name = 'more'") != 0 {
		t.Error("the recorder changed something")
	}
}
