package tenancy

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtenancy/tenancy/internal/freeze"
	"github.com/gormtenancy/tenancy/internal/routing"
	"github.com/gormtenancy/tenancy/internal/sqltext"
	"github.com/gormtenancy/tenancy/scopes"
)

// operation is what a statement does.
type operation string

const (
	opCreate operation = "create"
	opQuery  operation = "query"
	opUpdate operation = "update"
	opDelete operation = "delete"
	opRow    operation = "row"
	opRaw    operation = "raw"
)

func (op operation) reads() bool { return op == opQuery || op == opRow }

// bound is one statement that the plugin has bound to a route. The clause
// builders work by it.
type bound struct {
	in       *Installation
	op       operation
	route    *route
	original gorm.ConnPool // what the statement had before
	kept     bool          // original is in the statement's settings, too
	table    table
	names    Names         // of the statement's own table; zero for a shared one
	scope    *scopes.Scope // nil where there is no tenant column, or no tenant
	keys     *keysFor      // nil: no other column holds a tenant
	filter   bool          // conditions are narrowed, not only rows stamped
	extra    []clause.Expression
	where    bool // a WHERE was written
	plain    bool // see plain.go
	listed   bool // its FROM is a list of tables
	idle     bool // there is nothing to send: see writeElsewhere
	outer    bool // a join keeps rows for which there is none in its own table
	conflict conflict

	// Kept here to be allocated with the rest.
	held   scopes.Scope          // what scope points to
	clause clause.Clause         // the one being built
	pool   routing.PoolStatement // what the statement runs on outside a transaction
}

// Plain implements routing.Note.
func (b *bound) Plain() bool { return b.plain }

// Named implements routing.Note: GORM's own table is named with its place, and others come
// in by words that can be seen.
func (b *bound) Named(query string) bool {
	return !b.table.derived && !b.listed && sqltext.OneTable(query)
}

// boundTo returns what builder's statement is bound to, or nil.
func boundTo(builder clause.Builder) *bound {
	stmt, ok := builder.(*gorm.Statement)
	if !ok {
		return nil
	}
	s := routing.Of(stmt)
	if s == nil {
		return nil
	}
	b, _ := s.Note.(*bound)
	return b
}

// bind returns the callback that gives a statement its route.
func (in *Installation) bind(op operation) func(*gorm.DB) {
	return func(db *gorm.DB) {
		if db.Error != nil {
			return
		}
		stmt := db.Statement
		delete(stmt.Clauses, narrowClause)
		b := &bound{in: in, op: op, original: stmt.ConnPool}
		err := in.bindStatement(stmt, b)
		if err == nil && op == opQuery && b.route.narrows() {
			err = refuseCache(db)
		}
		if err != nil {
			b.fail(stmt, in.complete(err, string(op), tenantOf(stmt.Context)))
		}
	}
}

func tenantOf(ctx context.Context) Tenant {
	t, _ := FromContext(ctx)
	return t
}

// fail makes the statement fail. Row has no other way to say so than the row.
func (b *bound) fail(stmt *gorm.Statement, err error) {
	delete(stmt.Clauses, narrowClause)
	if b.op == opRow {
		if rows, _ := stmt.Get("rows"); rows == false {
			b.keepOriginal(stmt)
			stmt.ConnPool = routing.Failed(err)
			return
		}
	}
	if stmt.DryRun { // perhaps a subquery, whose errors GORM forgets
		stmt.AddVar(&stmt.SQL, routing.Refusal{Err: err})
	}
	_ = stmt.AddError(err)
}

func (in *Installation) bindStatement(stmt *gorm.Statement, b *bound) error {
	h, err := in.handleOf(stmt.ConnPool)
	if err != nil {
		return err
	}
	in.models.values.cleanDest(stmt)
	if stmt.SQL.Len() > 0 {
		return in.bindText(stmt, b, h)
	}
	return in.bindModel(stmt, b, h)
}

// bindText binds a statement whose text the user wrote.
func (in *Installation) bindText(stmt *gorm.Statement, b *bound, h handle) error {
	r, err := in.admit(stmt.Context)
	if err != nil {
		if h.tx == nil || !errors.Is(err, ErrNoTenant) || !sqltext.Control(stmt.SQL.String()) {
			return err
		}
		r = in.nobody
	}
	b.route = r
	target := r.owned
	if target == nil {
		target = r.shared
	}
	return h.attach(stmt, b, target, true)
}

// bindModel binds a statement that GORM builds.
func (in *Installation) bindModel(stmt *gorm.Statement, b *bound, h handle) error {
	b.table = tableOf(stmt)
	b.plain = plainStatement(stmt, b.table)
	known := in.models.of(b.table.name, stmt.Schema)
	if known.shared {
		return in.bindShared(stmt, b, h)
	}
	r, err := in.admit(stmt.Context)
	if err != nil {
		return err
	}
	b.route = r
	target := r.owned
	if r.narrows() {
		if r.binding.Names.Schema != "" && in.qualifies() && strings.Contains(b.table.name, ".") {
			return r.refusal(nil, "the table "+b.table.name+" names a schema or a database; name the table alone, its tenant decides the schema")
		}
		b.names = r.binding.Names
		if target, err = in.narrow(stmt, b, known); err != nil {
			return err
		}
	}
	return h.attach(stmt, b, target, false)
}

// bindShared binds a statement on a shared model, which lives in the base database.
func (in *Installation) bindShared(stmt *gorm.Statement, b *bound, h handle) error {
	r, err := in.admit(stmt.Context)
	switch {
	case err == nil:
	case errors.Is(err, ErrNoTenant) && scopeOf(stmt.Context) == nil:
		r = in.nobody
	default:
		return err
	}
	b.route = r
	b.names = Names{Schema: r.binding.Names.Shared}
	if strings.Contains(b.table.name, ".") {
		b.names = Names{}
	}
	if h.tx != nil && h.tx.Own() {
		if !b.op.reads() {
			return in.writeElsewhere(stmt, b, h)
		}
		h = handle{pool: h.pool}
	}
	return h.attach(stmt, b, r.shared, false)
}

// narrow gives an owned model's statement its scope, and checks the rows it holds.
func (in *Installation) narrow(stmt *gorm.Statement, b *bound, known *model) (*routing.Target, error) {
	r := b.route
	var err error
	if !lifted(stmt.Context) {
		if b.keys, err = b.keysFor(known); err != nil {
			return nil, err
		}
	}
	if known.column == nil {
		if r.binding.Filter.requires() && !b.table.derived {
			return nil, noColumn(in.column, known.table)
		}
		return r.owned, nil
	}
	if b.held, err = b.scopeOf(known); err != nil {
		return nil, err
	}
	if lifted(stmt.Context) {
		return &routing.Target{Owner: r.owned.Owner, Acquire: r.owned.Acquire, Settings: r.owned.Settings}, nil
	}
	b.scope = &b.held
	if r.binding.Filter != FilterNone && b.op != opCreate && !b.table.derived {
		b.filter = true
		stmt.Clauses[narrowClause] = clause.Clause{Name: narrowClause, Builder: buildNarrow}
	}
	return r.owned, b.rows(stmt)
}

// rows stamps the rows of a create, and refuses rows of another tenant.
func (b *bound) rows(stmt *gorm.Statement) error {
	var err error
	switch b.op {
	case opCreate:
		err = b.scope.Stamp(stmt)
	case opUpdate, opDelete:
		if err = b.scope.Complete(stmt, stmt.Dest); err == nil {
			err = b.scope.Complete(stmt, stmt.Model)
		}
	}
	return b.mismatch(err)
}

// mismatch makes an error of scopes one of this package.
func (b *bound) mismatch(err error) error {
	if err == nil || !errors.Is(err, scopes.ErrTenantMismatch) {
		return err
	}
	what := strings.TrimPrefix(err.Error(), ErrTenantMismatch.Error()+": ")
	cure := "leave the tenant column empty, and use the context of the tenant that is meant"
	if errors.Is(err, scopes.ErrIncompleteKey) {
		cure = "load the row first, or set its tenant"
	}
	return &Error{Kind: ErrTenantMismatch, Op: string(b.op), Tenant: b.route.scope.tenant.ID, Strategy: b.in.Strategy(), Detail: what + "; " + cure}
}

// handle is what a statement was to run on: the pool, or a transaction.
type handle struct {
	pool    *routing.Pool
	tx      *routing.Tx
	conn    *sql.Conn // set for gorm.DB.Connection
	foreign bool      // a transaction that the plugin has not begun
}

// handleOf finds the pool or the transaction under whatever GORM and its plugins
// have put around or in place of it.
func (in *Installation) handleOf(pool gorm.ConnPool) (handle, error) {
	switch p := pool.(type) {
	case *routing.Pool:
		return handle{pool: p}, nil
	case *routing.PoolStatement:
		return handle{pool: p.Pool()}, nil
	case *routing.Tx:
		return handle{pool: p.Pool(), tx: p}, nil
	case *routing.TxStatement:
		return handle{pool: p.Tx().Pool(), tx: p.Tx()}, nil
	case *gorm.PreparedStmtDB:
		h, err := in.handleOf(p.ConnPool)
		if h.pool == in.pool && in.prepared != nil {
			h.pool = in.prepared
		}
		return h, err
	case *gorm.PreparedStmtTX:
		return in.handleOf(p.Tx)
	case *sql.Conn:
		return handle{pool: in.pool.Over(p), conn: p}, nil
	case gorm.TxCommitter:
		return handle{pool: in.pool.Over(pool), foreign: true}, nil
	case nil:
		return handle{}, gorm.ErrInvalidDB
	default:
		return handle{pool: in.pool.Over(pool)}, nil // a replica, say
	}
}

// attach makes the statement run on the handle as target says.
func (h handle) attach(stmt *gorm.Statement, b *bound, target *routing.Target, raw bool) error {
	if b.original != stmt.Config.ConnPool {
		b.keepOriginal(stmt)
	}
	if h.tx != nil {
		s, err := h.tx.Statement(stmt, target, raw, b)
		if err != nil {
			return err
		}
		stmt.ConnPool = s
		return nil
	}
	if target.Acquire != nil {
		if h.foreign {
			return b.in.mismatched(routing.Owner{Other: "whoever began it, in the base database"}, target.Owner)
		}
		if h.conn != nil {
			target = b.in.pins.Pin(h.conn, target)
		}
	}
	h.pool.Statement(&b.pool, stmt, target, raw, b)
	stmt.ConnPool = &b.pool
	return nil
}

// explain is the callback after a statement. It explains an error that came with the rows of the
// statement: MariaDB answers an INSERT … RETURNING that a trigger refuses with rows, of which
// the first is the refusal.
func (in *Installation) explain(db *gorm.DB) {
	if db.Error == nil || !freeze.Refused(db.Error) || errors.Is(db.Error, ErrMoving) {
		return
	}
	if b := boundTo(db.Statement); b != nil && b.route != nil {
		db.Error = b.route.explain(db.Error)
	}
}

const originalKey = "tenancy:original"

// original is a statement's pool, kept for the end of the statement. GORM
// copies settings to other statements, which it is not meant for.
type original struct {
	stmt *gorm.Statement
	pool gorm.ConnPool
}

func (b *bound) keepOriginal(stmt *gorm.Statement) {
	b.kept = true
	stmt.Settings.Store(originalKey, original{stmt, b.original})
}

// release takes the route off a statement, so that nothing of one tenant stays on a
// statement that is used again. It also puts back the connection of
// gorm.DB.Connection, which GORM forgets after the first write.
func (in *Installation) release(db *gorm.DB) {
	stmt := db.Statement
	delete(stmt.Clauses, narrowClause)
	b := boundTo(stmt)
	if b != nil && !b.kept {
		stmt.ConnPool = b.original
		return // without a look at the settings, which would have to be made for it
	}
	if kept, ok := stmt.Settings.LoadAndDelete(originalKey); ok {
		if o := kept.(original); o.stmt == stmt {
			stmt.ConnPool = o.pool
			return
		}
	}
	if b != nil {
		stmt.ConnPool = b.original
	}
}

// guardPanics makes a panic in a hook roll back the transaction that GORM began for
// the statement; GORM itself leaves it open.
func (in *Installation) guardPanics(processor interface {
	Get(name string) func(*gorm.DB)
	Replace(name string, fn func(*gorm.DB)) error
}, names ...string,
) {
	for _, name := range names {
		if handler := processor.Get(name); handler != nil {
			_ = processor.Replace(name, rollingBack(handler))
		}
	}
}

func rollingBack(handler func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		returned := false
		defer func() {
			if returned {
				return
			}
			if _, began := db.InstanceGet("gorm:started_transaction"); began {
				db.Rollback()
			}
		}()
		handler(db)
		returned = true
	}
}

type liftKey struct{}

// lift returns a context in which the plugin's own question about other tenants'
// rows is not narrowed.
func lift(ctx context.Context) context.Context { return context.WithValue(ctx, liftKey{}, true) }

func lifted(ctx context.Context) bool { return ctx.Value(liftKey{}) != nil }
