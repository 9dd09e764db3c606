package hybrid

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/freeze"
)

// side is one end of a move: what the tenant has in one tier.
type side struct {
	in       *tenancy.Installation
	tier     installed
	tenant   tenancy.Tenant // with the tier's name
	binding  tenancy.Binding
	language language
}

func (p *provider) side(t tenancy.Tenant, tier string) (*side, error) {
	lang, ok := languages[p.in.Dialect()]
	if !ok {
		return nil, &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: fmt.Sprintf("tenants cannot be moved on %q; they can on sqlite, postgres and mysql", p.in.Dialect())}
	}
	t.Tier = tier
	b, err := p.Bind(t)
	if err != nil {
		return nil, err
	}
	at, err := p.of(t)
	if err != nil {
		return nil, err
	}
	return &side{in: p.in, tier: at, tenant: t, binding: b, language: lang}, nil
}

// common reports whether rows of other tenants are in the same tables.
func (s *side) common() bool {
	return s.binding.Filter == tenancy.FilterRequired || s.binding.Filter == tenancy.FilterOnly
}

// write runs fn in a transaction in which the tenant's rows can be changed.
func (s *side) write(ctx context.Context, fn func(tx gorm.ConnPool) error) error {
	db, release, err := s.in.Acquire(ctx, s.binding)
	if err != nil {
		return err
	}
	defer release()
	if s.language.writes != nil {
		return s.language.writes(ctx, db, fn)
	}
	return ddl.Write(ctx, db, s.in.Dialect(), func(tx gorm.ConnPool) error {
		if err := tenancy.Settle(ctx, tx, s.settled()); err != nil {
			return err
		}
		return fn(tx)
	})
}

// try runs fn like write, and keeps nothing of what it has written.
func (s *side) try(ctx context.Context, fn func(tx gorm.ConnPool) error) error {
	undone := func(tx gorm.ConnPool) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errUndone
	}
	err := s.loosely(ctx, undone)
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}

// loosely is write, where possible without a look at foreign keys.
func (s *side) loosely(ctx context.Context, fn func(tx gorm.ConnPool) error) error {
	if s.language.loosely == nil {
		return s.write(ctx, fn)
	}
	db, release, err := s.in.Acquire(ctx, s.binding)
	if err != nil {
		return err
	}
	defer release()
	return s.language.loosely(ctx, db, fn)
}

var errUndone = errors.New("tried, and not to be kept")

// read runs fn on the tenant's rows. It may not change any.
func (s *side) read(ctx context.Context, fn func(pool gorm.ConnPool) error) (err error) {
	db, release, err := s.in.Acquire(ctx, s.binding)
	if err != nil {
		return err
	}
	defer release()
	if s.language.reads != nil {
		return s.language.reads(ctx, db, fn)
	}
	if s.language.reading == nil {
		return fn(db)
	}
	tx, err := db.BeginTx(ctx, s.language.reading)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := tenancy.Settle(ctx, tx, s.settled()); err != nil {
		return err
	}
	return fn(tx)
}

// settled is the binding with the settings of a move.
func (s *side) settled() tenancy.Binding {
	return tenancy.Binding{Settings: slices.Concat(s.binding.Settings, s.language.settings)}
}

// table is the physical name of a table, quoted.
func (s *side) table(logical string) string {
	if schema := s.binding.Names.Schema; schema != "" {
		return s.language.quote(schema) + "." + s.language.quote(logical)
	}
	return s.language.quote(s.binding.Names.Table(logical))
}

// where narrows a statement to the tenant's rows, and more. Its arguments follow those given.
func (s *side) where(args []any, conditions ...string) (string, []any) {
	if s.common() {
		args = append(args, s.tenant.ID)
		conditions = append(conditions, s.language.quote(s.in.Column())+" = "+s.language.parameter(len(args), ""))
	}
	if len(conditions) == 0 {
		return "", args
	}
	return " WHERE " + strings.Join(conditions, " AND "), args
}

// frozen is a table as freeze sees it.
func (s *side) frozen(logical string) freeze.Table {
	f := freeze.Table{Name: s.table(logical), Tenant: s.tenant.ID}
	if s.common() {
		f.Column = s.language.quote(s.in.Column())
	}
	return f
}
