package routing

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"gorm.io/gorm"
)

// Pipeline sends settings that last as long as one statement, and that statement, in one
// round trip. conn is a driver's connection, which is the statement's alone until its
// result is there, or done is called.
//
// ErrNoPipeline means that nothing was done, and that the statement has to take the plain
// way: a transaction.
type Pipeline interface {
	Exec(ctx context.Context, conn any, settings []Setting, query string, args []any) (driver.Result, error)
	// Query calls done when its rows are closed. With an error it does not.
	Query(ctx context.Context, conn any, settings []Setting, query string, args []any, done func() error) (driver.Rows, error)
}

// ErrNoPipeline means that a statement cannot be sent with its settings in one round trip.
var ErrNoPipeline = errors.New("no pipeline")

// pipeline returns the pipeline for a text on pool, or nil. Where the settings say in which
// schema a name is looked for, only a text that names the schemas itself is sent so: any
// other would be prepared against whatever is found without them.
func (t *Target) pipeline(pool gorm.ConnPool, from origin) Pipeline {
	if from != plain && from != named && t.searches() || isTransaction(pool) {
		return nil
	}
	return t.Pipeline
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
	defer func() { _ = back() }()
	var result driver.Result
	err = conn.Raw(func(c any) error {
		result, err = pipeline.Exec(ctx, c, target.Settings, query, args)
		return err
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
		rows, err = pipeline.Query(ctx, c, target.Settings, query, args, back)
		return err
	})
	if err != nil {
		_ = back()
		return nil, err
	}
	return rows, nil
}
