package routing

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"

	"gorm.io/gorm"
)

// Pipeline sends settings and the statement that they are for in one round trip. conn is a
// driver's connection, which is the caller's alone until the result is there, or done is
// closed.
//
// ErrNoPipeline means that the statement was not done, and has to take the plain way.
type Pipeline interface {
	Exec(ctx context.Context, conn any, o Opening, query string, args []any) (driver.Result, error)
	// Query closes done when its rows are closed. With an error it does not.
	Query(ctx context.Context, conn any, o Opening, query string, args []any, done io.Closer) (driver.Rows, error)
	// Begin begins a transaction with settings.
	Begin(ctx context.Context, conn any, settings []Setting) error
	// Commit and Rollback end a transaction that was begun so.
	Commit(ctx context.Context, conn any) error
	Rollback(ctx context.Context, conn any) error
	// Idle reports whether conn is one that the pipeline knows, and in no transaction.
	Idle(conn any) bool
}

// Opening is what goes before a statement.
type Opening struct {
	// Begin makes it the first of a transaction, which lasts until it is ended. Otherwise
	// the statement is one by itself.
	Begin bool
	// Settings last as long as the transaction.
	Settings []Setting
	// Schema is where the tenant's tables are, if the statement says so. Statements that
	// differ in it alone have parameters and columns of the same types, as a rule.
	Schema string
}

// ErrNoPipeline means that a statement cannot be sent with its settings in one round trip.
var ErrNoPipeline = errors.New("no pipeline")

// pipeline returns the pipeline for a text on pool, or nil. Where the settings say in which
// schema a name is looked for, only a text that names the schemas itself is sent so: any
// other would be prepared against whatever is found without them.
func (t *Target) pipeline(pool gorm.ConnPool, from origin) Pipeline {
	if !t.travels(from) || isTransaction(pool) {
		return nil
	}
	return t.Pipeline
}

func (t *Target) opening() Opening { return Opening{Settings: t.Settings, Schema: t.Schema} }

func (t *Target) travels(from origin) bool {
	return from == plain || from == named || !t.searches()
}

// searches reports whether the settings say where names are looked for.
func (t *Target) searches() bool {
	for _, setting := range t.Settings {
		if setting.Name == "search_path" {
			return true
		}
	}
	return false
}

func execPipelined(ctx context.Context, pipeline Pipeline, pool gorm.ConnPool, target *Target, query string, args []any) (sql.Result, error) {
	conn, back, err := oneConn(ctx, pool)
	if err != nil {
		return nil, err
	}
	defer func() { _ = back.Close() }()
	var result driver.Result
	err = conn.Raw(func(c any) error {
		result, err = pipeline.Exec(ctx, c, target.opening(), query, args)
		return certain(pipeline, c, err)
	})
	return result, err
}

// queryPipelined returns rows that use a connection until they are closed. It is given
// back then and not before, so that nobody else can have it meanwhile.
func queryPipelined(ctx context.Context, pipeline Pipeline, pool gorm.ConnPool, target *Target, query string, args []any) (driver.Rows, error) {
	conn, back, err := oneConn(ctx, pool)
	if err != nil {
		return nil, err
	}
	var rows driver.Rows
	err = conn.Raw(func(c any) error {
		rows, err = pipeline.Query(ctx, c, target.opening(), query, args, back)
		return certain(pipeline, c, err)
	})
	if err != nil {
		_ = back.Close()
		return nil, err
	}
	return rows, nil
}
