// Package routing is the connection pool under GORM: it sends each statement,
// transaction and stream where its context says.
package routing

import (
	"context"
	"database/sql/driver"

	"gorm.io/gorm"
)

// Target is where the statements of one owner run, and the last look that is
// taken at them. It is data made by a Router and never changed afterwards.
type Target struct {
	// Owner identifies who the statements belong to; transactions record it.
	Owner Owner
	// Acquire lends the owner's own pool. nil: the base pool.
	Acquire func(ctx context.Context) (gorm.ConnPool, func(), error)
	// Settings hold while a statement or a transaction lasts. PostgreSQL only.
	Settings []Setting
	// Schema qualifies the owner's tables, where it is not empty.
	Schema string
	// Pipeline sends the settings and a statement in one round trip. nil: nothing does.
	Pipeline Pipeline
	// Watch has the last look at texts and errors. nil: all pass as they are.
	Watch Watch
}

// Watch has the last look at what goes to a database and what comes from it. It is safe for
// concurrent use.
type Watch interface {
	// Inspect returns the text to send, or why none is sent. built is true for a text that
	// GORM built for a model. It is not asked about statements that are Plain.
	Inspect(query string, built bool, args []any) (string, error)
	// Explain may replace an error of the database.
	Explain(err error) error
}

// Router finds the target of a context.
type Router struct {
	// Statement finds it for a statement that GORM's callbacks have not seen.
	Statement func(ctx context.Context) (*Target, error)
	// Begin finds it for a new transaction.
	Begin func(ctx context.Context) (*Target, error)
	// Streams makes the rows of statements with settings.
	Streams *Streams
	// Transactions makes the transactions of targets with settings.
	Transactions *Transactions
	// Mismatch makes the error for a transaction of one owner in the hands of another.
	Mismatch func(owner, user Owner) error
	// Closed fails when no statement and no transaction of anybody is to be begun any more;
	// transactions that are open go on. nil: it never does.
	Closed func(owner Owner) error
	// Elsewhere makes the error for a transaction in another of the owner's databases.
	Elsewhere func(owner Owner) error
}

func (t *Target) explain(err error) error {
	if err == nil || t.Watch == nil {
		return err
	}
	return t.Watch.Explain(err)
}

// origin is where a text comes from.
type origin uint8

const (
	written origin = iota // the user wrote it
	built                 // GORM built it, perhaps with texts of the user's in it
	named                 // built, and whatever the user's texts in it are, they name no table
	plain                 // GORM built it, and nothing of the user's is in it but values
)

func (t *Target) inspect(query string, from origin, args []any) (string, error) {
	for _, arg := range args {
		if refusal, ok := arg.(Refusal); ok {
			return "", refusal.Err
		}
	}
	if t.Watch == nil || from == plain {
		return query, nil
	}
	return t.Watch.Inspect(query, from != written, args)
}

// Refusal is an argument with which no statement is sent. GORM forgets the error of a
// subquery that could not be built, so the subquery leaves this in its place.
type Refusal struct{ Err error }

// Value implements driver.Valuer.
func (r Refusal) Value() (driver.Value, error) { return nil, r.Err }

// acquire lends the pool that the target's statements run on.
func (t *Target) acquire(ctx context.Context, base gorm.ConnPool) (gorm.ConnPool, func(), error) {
	if t.Acquire == nil {
		return base, func() {}, nil
	}
	return t.Acquire(ctx)
}
