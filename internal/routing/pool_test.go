package routing_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/routing"
)

var (
	errNobody   = errors.New("nobody's context")
	errMismatch = errors.New("somebody else's transaction")
	errExplain  = errors.New("explained")
)

type ownerKey struct{}

func as(owner string) context.Context {
	return context.WithValue(context.Background(), ownerKey{}, owner)
}

// fleet is a router over a database for each owner, and a base for the others.
type fleet struct {
	base *sql.DB
	own  map[string]*sql.DB
	lent atomic.Int64 // leases that are out
}

func newFleet(t testing.TB, owners ...string) *fleet {
	t.Helper()
	f := &fleet{base: openDB(t, "base"), own: map[string]*sql.DB{}}
	for _, owner := range owners {
		f.own[owner] = openDB(t, owner)
	}
	return f
}

// openDB opens a database whose table says whose it is.
func openDB(t testing.TB, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), name+".db")+"?_busy_timeout=10000&_journal_mode=WAL")
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	_, err = db.Exec("CREATE TABLE whose (name text); INSERT INTO whose VALUES ('" + name + "')")
	must(t, err)
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// explaining lets all texts pass, and no error.
type explaining struct{}

func (explaining) Inspect(query string, _ bool, _ []any) (string, error) { return query, nil }
func (explaining) Explain(error) error                                   { return errExplain }

func (f *fleet) target(ctx context.Context) (*routing.Target, error) {
	owner, ok := ctx.Value(ownerKey{}).(string)
	if !ok {
		return nil, errNobody
	}
	target := &routing.Target{Owner: routing.Owner{Tenant: owner}, Watch: explaining{}}
	if db, ok := f.own[owner]; ok {
		target.Acquire = func(context.Context) (gorm.ConnPool, func(), error) {
			f.lent.Add(1)
			return db, func() { f.lent.Add(-1) }, nil
		}
	}
	return target, nil
}

func (f *fleet) pool() *routing.Pool {
	return routing.New(f.base, routing.Router{
		Statement: f.target, Begin: f.target,
		Mismatch: func(owner, user routing.Owner) error { return fmt.Errorf("%w: %s, %s", errMismatch, owner, user) },
	})
}

const whose = "SELECT name FROM whose"

func row(ctx context.Context, pool gorm.ConnPool) (string, error) {
	var name string
	err := pool.QueryRowContext(ctx, whose).Scan(&name)
	return name, err
}

// TestPool sends each call where its context says.
func TestPool(t *testing.T) {
	f := newFleet(t, "acme", "globex")
	pool := f.pool()
	for owner, want := range map[string]string{"acme": "acme", "globex": "globex", "other": "base"} {
		ctx := as(owner)
		if got, err := row(ctx, pool); err != nil || got != want {
			t.Errorf("%s reads %q: %v", owner, got, err)
		}
		rows, err := pool.QueryContext(ctx, whose)
		must(t, err)
		for rows.Next() {
			var got string
			must(t, rows.Scan(&got))
			if got != want {
				t.Errorf("%s streams %q", owner, got)
			}
		}
		must(t, errors.Join(rows.Err(), rows.Close()))
		result, err := pool.ExecContext(ctx, "UPDATE whose SET name = name WHERE name = ?", want)
		must(t, err)
		if n, _ := result.RowsAffected(); n != 1 {
			t.Errorf("%s changed %d rows", owner, n)
		}
	}
	if f.lent.Load() != 0 {
		t.Errorf("%d leases are out", f.lent.Load())
	}
}

// TestFailures: whoever has no target gets the error, and never a panic.
func TestFailures(t *testing.T) {
	f := newFleet(t, "acme")
	for name, pool := range map[string]gorm.ConnPool{"router": f.pool(), "failed": routing.Failed(errNobody)} {
		ctx := context.Background()
		_, execErr := pool.ExecContext(ctx, whose)
		_, queryErr := pool.QueryContext(ctx, whose)
		_, rowErr := row(ctx, pool)
		failed := pool.QueryRowContext(ctx, whose)
		for _, err := range []error{execErr, queryErr, rowErr, failed.Err(), failed.Scan(new(string))} {
			if err != errNobody {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := f.pool().BeginTx(context.Background(), nil); err != errNobody {
		t.Errorf("begin: %v", err)
	}
	if _, err := f.pool().PrepareContext(as("acme"), whose); !errors.Is(err, routing.ErrPrepare) {
		t.Errorf("prepare: %v", err)
	}
	_, execErr := f.pool().ExecContext(as("acme"), "SELECT * FROM missing")
	_, rowErr := func() (string, error) {
		var s string
		return s, f.pool().QueryRowContext(as("acme"), "SELECT * FROM missing").Scan(&s)
	}()
	for _, err := range []error{execErr, rowErr} {
		if err != errExplain {
			t.Errorf("the error was not explained: %v", err)
		}
	}
}

// TestTx: a transaction is its owner's, whatever contexts its statements bring.
func TestTx(t *testing.T) {
	f := newFleet(t, "acme", "globex")
	begun, err := f.pool().BeginTx(as("acme"), nil)
	must(t, err)
	tx, ok := begun.(*routing.Tx)
	if !ok {
		t.Fatalf("begun is %T", begun)
	}
	if got, err := row(as("acme"), tx); err != nil || got != "acme" {
		t.Errorf("acme reads %q: %v", got, err)
	}
	for name, want := range map[string]error{"globex": errMismatch, "other": errMismatch} {
		_, rowErr := row(as(name), tx)
		_, execErr := tx.ExecContext(as(name), "DELETE FROM whose")
		_, queryErr := tx.QueryContext(as(name), whose)
		_, prepareErr := tx.PrepareContext(as(name), whose)
		for _, err := range []error{rowErr, execErr, queryErr, prepareErr} {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := row(context.Background(), tx); !errors.Is(err, errNobody) {
		t.Errorf("nobody: %v", err)
	}
	target, err := f.target(as("acme"))
	must(t, err)
	if got, err := row(as("globex"), tx.Fixed(target)); err != nil || got != "acme" {
		t.Errorf("fixed, globex's context reads %q: %v", got, err)
	}
	must(t, tx.Rollback())
	if f.lent.Load() != 0 {
		t.Errorf("%d leases are out", f.lent.Load())
	}
	if got, err := row(as("globex"), f.pool().Fixed(target)); err != nil || got != "acme" {
		t.Errorf("a fixed pool reads %q: %v", got, err)
	}
}

// TestTxGivesBack its lease once, by whatever it ends.
func TestTxGivesBack(t *testing.T) {
	f := newFleet(t, "acme")
	for name, end := range map[string]func(*routing.Tx, context.CancelFunc) error{
		"commit":   func(tx *routing.Tx, _ context.CancelFunc) error { return tx.Commit() },
		"rollback": func(tx *routing.Tx, _ context.CancelFunc) error { return tx.Rollback() },
		"cancelled": func(tx *routing.Tx, cancel context.CancelFunc) error {
			cancel()
			return nil
		},
		"all": func(tx *routing.Tx, cancel context.CancelFunc) error {
			cancel()
			_ = tx.Commit()
			_ = tx.Rollback()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(as("acme"))
			defer cancel()
			tx, err := f.pool().BeginTx(ctx, nil)
			must(t, err)
			if f.lent.Load() != 1 {
				t.Fatalf("%d leases while the transaction is open", f.lent.Load())
			}
			must(t, end(tx.(*routing.Tx), cancel))
			for range 200 {
				if f.lent.Load() == 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if n := f.lent.Load(); n != 0 {
				t.Errorf("%d leases after the transaction", n)
			}
		})
	}
}

// TestPrepared runs more texts than are kept, from many goroutines, in and out of transactions.
func TestPrepared(t *testing.T) {
	db := openDB(t, "acme")
	db.SetMaxOpenConns(4)
	p := routing.Prepare(db)
	const texts, goroutines = 700, 8
	var workers sync.WaitGroup
	for i := range goroutines {
		workers.Go(func() {
			for j := range texts {
				// Neighbours come by the same text at about the same time.
				n := (j + i*17) % texts
				query := fmt.Sprintf("SELECT name, %d FROM whose WHERE name = ?", n)
				var name string
				var got int
				if err := p.QueryRowContext(context.Background(), query, "acme").Scan(&name, &got); err != nil || got != n || name != "acme" {
					t.Errorf("text %d gave %q, %d: %v", n, name, got, err)
					return
				}
				if j%50 == 0 {
					inTransaction(t, p, query, n)
				}
			}
		})
	}
	workers.Wait()
	if _, err := p.ExecContext(context.Background(), "UPDATE missing SET x = 1"); err == nil {
		t.Error("a text that cannot be prepared succeeded")
	}
}

func inTransaction(t *testing.T, p *routing.Prepared, query string, n int) {
	t.Helper()
	tx, err := p.BeginTx(context.Background(), nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = tx.(gorm.TxCommitter).Rollback() }()
	var name string
	var got int
	if err := tx.QueryRowContext(context.Background(), query, "acme").Scan(&name, &got); err != nil || got != n {
		t.Errorf("in a transaction text %d gave %q, %d: %v", n, name, got, err)
	}
	rows, err := tx.QueryContext(context.Background(), query, "acme")
	if err != nil {
		t.Error(err)
		return
	}
	if err := errors.Join(rows.Close(), rows.Err()); err != nil {
		t.Error(err)
	}
}

// TestPins: a pin is one connection of the owner's own pool for as long as the holder is held.
func TestPins(t *testing.T) {
	f := newFleet(t, "acme")
	f.own["acme"].SetMaxOpenConns(2)
	var pins routing.Pins
	defer pins.Close()
	holder, err := f.base.Conn(t.Context())
	must(t, err)
	target, err := f.target(as("acme"))
	must(t, err)
	pinned := pins.Pin(holder, target)
	var first gorm.ConnPool
	for range 3 {
		conn, release, err := pinned.Acquire(t.Context())
		must(t, err)
		if first == nil {
			first = conn
		}
		if conn != first {
			t.Error("the pin is not one connection")
		}
		_, err = conn.ExecContext(t.Context(), "CREATE TEMP TABLE IF NOT EXISTS mine (id integer)")
		must(t, err)
		release()
	}
	time.Sleep(30 * time.Millisecond)
	if f.lent.Load() != 1 || f.own["acme"].Stats().InUse != 1 {
		t.Errorf("%d leases, %d connections while it is held", f.lent.Load(), f.own["acme"].Stats().InUse)
	}
	must(t, holder.Close())
	for range 500 {
		if f.lent.Load() == 0 {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if f.lent.Load() != 0 || f.own["acme"].Stats().InUse != 0 {
		t.Errorf("%d leases, %d connections after the holder's end", f.lent.Load(), f.own["acme"].Stats().InUse)
	}
}

// TestPinsClose ends the pins that are left.
func TestPinsClose(t *testing.T) {
	f := newFleet(t, "acme")
	var pins routing.Pins
	holder, err := f.base.Conn(t.Context())
	must(t, err)
	defer func() { must(t, holder.Close()) }()
	target, err := f.target(as("acme"))
	must(t, err)
	_, _, err = pins.Pin(holder, target).Acquire(t.Context())
	must(t, err)
	pins.Close()
	pins.Close()
	if f.lent.Load() != 0 {
		t.Errorf("%d leases after Close", f.lent.Load())
	}
}
