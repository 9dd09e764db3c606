package strategies

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/scopes"
)

// Shared keeps all tenants in the same tables, told apart by the tenant column alone,
// on any dialect. Every owned table must have the column; join tables that GORM makes
// itself are given it. The zero value is ready. It is a value; one may
// serve several handles.
//
// It is the cheapest strategy and the thinnest wall: what GORM builds is narrowed
// and stamped, and raw SQL is refused with [tenancy.ErrRawSQL], since nothing could
// narrow that. The database itself enforces nothing. Let primary keys and unique
// indexes begin with the tenant column, or a duplicate key tells one tenant that
// another has it.
//
// The tenant column must tell every ID from every other. Its type may be text, uuid or an
// integer. Of one that knows several spellings of a value, the type in the field's tag lets
// through the one that PostgreSQL writes: gorm:"type:uuid". On MySQL and MariaDB the
// column has a binary collation, as under most others acme and ACME are one tenant: tables that
// Provision makes have it. On PostgreSQL, MySQL, MariaDB and SQLite, db.Use and Provision refuse
// a listed model's table whose column is another with [tenancy.ErrConfig]; so does AutoMigrate
// under a tenant. On MySQL and MariaDB an ID that such a column would cut, clamp or write with
// other characters is [tenancy.ErrInvalidTenant]: an INSERT IGNORE would do that without an error.
type Shared struct{}

// Name returns "shared".
func (Shared) Name() string { return "shared" }

// Install implements [tenancy.Strategy].
func (Shared) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	in.RequireColumn()
	return &shared{in: in}, nil
}

type shared struct{ in *tenancy.Installation }

var sharedBinding = tenancy.Binding{Filter: tenancy.FilterOnly}

func (s *shared) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	_, err := baseOf(t)
	return sharedBinding, err
}

func (s *shared) Group(tenancy.Tenant) string { return "shared" }

func (s *shared) Provision(ctx context.Context, t tenancy.Tenant) error {
	if _, err := s.Bind(t); err != nil {
		return err
	}
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	return ddl.Exclusive(ctx, base, s.in.Dialect(), s.Group(t), func(tx gorm.ConnPool) error {
		if err := s.Attest(ctx, tx, s.in.Owned()); err != nil { // a foreign key needs it to be one and the same
			return err
		}
		if err := s.in.Migrate(ctx, tx, sharedBinding, s.in.Models()); err != nil {
			return err
		}
		return s.Attest(ctx, tx, s.in.Owned()) // of what was made just now: a type may name its own
	})
}

// Destroy deletes the tenant's rows, those that refer to others first, and counts
// what is left.
func (s *shared) Destroy(ctx context.Context, t tenancy.Tenant) error {
	if _, err := s.Bind(t); err != nil {
		return err
	}
	return deleteRows(ctx, s.in, t)
}

// Verify asks whether the tables are what the models say, whether each row belongs to
// somebody, and whether any row refers to a row of another tenant.
func (s *shared) Verify(ctx context.Context, t tenancy.Tenant) error {
	if _, err := s.Bind(t); err != nil {
		return err
	}
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	differences, err := pending(ctx, s.in, base, sharedBinding)
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		return absentOrDrifted(s.in, t, differences)
	}
	db, err := s.in.Plain(ctx, base)
	if err != nil {
		return err
	}
	orphans, err := s.orphans(db)
	if err != nil {
		return err
	}
	crossing, err := s.crossing(db, t)
	if err != nil {
		return err
	}
	held, err := heldColumns(ctx, s.in, base, s.in.Owned())
	if err != nil {
		return err
	}
	return drifted(t, slices.Concat(orphans, crossing, s.inexact(held, s.in.Owned())))
}

// orphans finds rows that belong to nobody.
func (s *shared) orphans(db *gorm.DB) ([]string, error) {
	ordered, err := s.in.Ordered()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, owned := range ordered {
		var rows int64
		if err := db.Table(owned.Table).Where(s.unset(owned)).Count(&rows).Error; err != nil {
			return nil, err
		}
		if rows > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s name no tenant", rows, owned.Table))
		}
	}
	return found, nil
}

// unset is the condition that the tenant column was never set.
func (s *shared) unset(owned *schema.Schema) clause.Expression {
	column := clause.Column{Table: clause.CurrentTable, Name: s.in.Column()}
	zero := map[scopes.Form]any{scopes.Text: "", scopes.Integer: 0}
	if value, ok := zero[formOf(owned, s.in.Column())]; ok {
		return clause.Or(clause.Eq{Column: column}, clause.Eq{Column: column, Value: value})
	}
	return clause.Eq{Column: column}
}

// crossing finds rows of the tenant that refer to rows of others.
func (s *shared) crossing(db *gorm.DB, t tenancy.Tenant) ([]string, error) {
	references, err := s.in.References()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, ref := range references {
		on := make([]clause.Expression, 0, len(ref.Columns))
		for _, columns := range ref.Columns {
			on = append(on, clause.Eq{
				Column: clause.Column{Table: "child", Name: columns[0]},
				Value:  clause.Column{Table: "parent", Name: columns[1]},
			})
		}
		var rows int64
		err := db.Clauses(clause.From{
			Tables: []clause.Table{{Name: ref.Table, Alias: "child"}},
			Joins:  []clause.Join{{Type: clause.InnerJoin, Table: clause.Table{Name: ref.Parent, Alias: "parent"}, ON: clause.Where{Exprs: on}}},
		}).Table(ref.Table).
			Where(clause.Eq{Column: clause.Column{Table: "child", Name: s.in.Column()}, Value: t.ID}).
			Where(clause.Neq{Column: clause.Column{Table: "parent", Name: s.in.Column()}, Value: t.ID}).
			Count(&rows).Error
		if err != nil {
			return nil, err
		}
		if rows > 0 {
			found = append(found, fmt.Sprintf("%d rows of %s refer to rows of another tenant in %s", rows, ref.Table, ref.Parent))
		}
	}
	return found, nil
}

func (s *shared) Close() error { return nil }
