package pipeline

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// idle is what the server says of a connection in no transaction.
const idle = 'I'

// Idle implements [routing.Pipeline].
func (Pgx) Idle(conn any) bool {
	c, ok := conn.(*stdlib.Conn)
	return ok && !c.Conn().IsClosed() && c.Conn().PgConn().TxStatus() == idle
}

// Begin implements [routing.Pipeline].
func (Pgx) Begin(ctx context.Context, conn any, settings []routing.Setting) error {
	c, ok := conn.(*stdlib.Conn)
	if !ok {
		return routing.ErrNoPipeline
	}
	batch := &pgx.Batch{}
	batch.Queue("begin")
	query, args := routing.SetLocal(settings)
	batch.Queue(query, args...)
	return c.Conn().SendBatch(ctx, batch).Close()
}

// Commit implements [routing.Pipeline]. A transaction in which a statement failed is rolled
// back by the server, which is an error here.
func (Pgx) Commit(ctx context.Context, conn any) error {
	c := conn.(*stdlib.Conn).Conn()
	tag, err := c.Exec(ctx, "commit")
	switch {
	case err != nil && c.PgConn().TxStatus() != idle:
		_ = c.Close(ctx)
	case err == nil && tag.String() == "ROLLBACK":
		err = pgx.ErrTxCommitRollback
	}
	return err
}

// Rollback implements [routing.Pipeline]. A connection that cannot be rolled back is closed.
func (Pgx) Rollback(ctx context.Context, conn any) error {
	c := conn.(*stdlib.Conn).Conn()
	_, err := c.Exec(ctx, "rollback")
	if err != nil {
		_ = c.Close(ctx)
	}
	return err
}
