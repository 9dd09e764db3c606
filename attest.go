package tenancy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy/scopes"
)

// Attester is a [Provider] whose wall is the tenant column of tables in the base database.
type Attester interface {
	// Attest looks at the tenant columns of the tables of schemas, as far as they are there, and
	// fails with [ErrConfig] where two IDs may be one. It is called by db.Use, and when tables
	// were made.
	Attest(ctx context.Context, pool gorm.ConnPool, owned []*schema.Schema) error
}

// Protector is a [Provider] whose wall is something that the tables themselves are given.
type Protector interface {
	// ProtectMade gives it to the tables of schemas, which were made in the transaction tx.
	ProtectMade(ctx context.Context, tx gorm.ConnPool, made []*schema.Schema) error
}

// attestTimeout bounds what db.Use asks the database.
const attestTimeout = 30 * time.Second

// attest looks at the tables that are there when the plugin is installed.
func (in *Installation) attest(base gorm.ConnPool) error {
	attester, ok := in.provider.(Attester)
	if !ok || in.db.DryRun {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), attestTimeout)
	defer cancel()
	err := attester.Attest(ctx, base, in.Owned())
	if known := (*Error)(nil); err != nil && !errors.As(err, &known) {
		return fmt.Errorf("tenancy: use: the tenant columns cannot be looked at: %w", err)
	}
	return in.complete(err, "use", Tenant{})
}

// guardMade looks at the tables of values, and of all that hangs on them, which were made for a
// tenant, and has them protected.
func (in *Installation) guardMade(ctx context.Context, pool gorm.ConnPool, t Tenant, values []any) error {
	tier, err := in.TierOf(t)
	if err != nil {
		return err
	}
	attester, attests := tier.Provider.(Attester)
	protector, protects := tier.Provider.(Protector)
	if !attests && !protects || len(values) == 0 {
		return nil
	}
	schemas, err := parse(in.db, values)
	if err != nil {
		return err
	}
	made := slices.DeleteFunc(reachable(schemas), func(s *schema.Schema) bool { return in.models.of(s.Table, s).shared })
	if attests {
		if err := attester.Attest(ctx, pool, made); err != nil {
			return err
		}
	}
	if protects {
		return protector.ProtectMade(ctx, pool, made)
	}
	return nil
}

// Owned returns the schemas of the owned models of the configuration, of all that hang on them, and
// of the join tables between. Of two models of one table it is the one that statements are narrowed by.
func (in *Installation) Owned() []*schema.Schema {
	var owned []*schema.Schema
	in.models.tables.Range(func(_, value any) bool {
		if known := value.(*model); known.listed && !known.shared {
			owned = append(owned, known.schema)
		}
		return true
	})
	slices.SortFunc(owned, func(a, b *schema.Schema) int { return cmp.Compare(a.Table, b.Table) })
	return owned
}

// Admit lets check refuse IDs that the tenant column of a table cannot hold as they are, where
// that column is the wall. nil: it holds all.
func (in *Installation) Admit(table string, check func(id string) error) {
	if known := in.models.find(table); known != nil {
		known.check.Store(&check)
	}
}

// admits fails for an ID that the tenant column cannot hold as it is.
func (m *model) admits(id string) error {
	if err := scopes.Spelling(m.column, id); err != nil {
		return err
	}
	if check := m.check.Load(); check != nil && *check != nil {
		return (*check)(id)
	}
	return nil
}

// scopeOf returns the scope of the statement's tenant in an owned table that has the column.
func (b *bound) scopeOf(known *model) (scopes.Scope, error) {
	id := b.route.scope.tenant.ID
	scope, err := scopes.New(known.column, id)
	if err == nil && b.route.binding.Filter.requires() {
		err = known.admits(id)
	}
	if err != nil {
		return scope, &Error{Kind: ErrInvalidTenant, Cause: err}
	}
	return scope, nil
}
