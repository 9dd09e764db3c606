package strategies

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/scopes"
)

// heldColumn is the tenant column of a table as the database has it.
type heldColumn struct {
	table string
	base  string        // the type, without its length
	says  string        // "type uuid", "collation NOCASE"
	forms []scopes.Form // the IDs that it tells from each other; with Text, all
	folds bool          // it takes letters for equal
	cure  string
	admit func(id string) error // fails for an ID that it does not hold as it is; nil: none
}

// tells reports whether each ID of a form is another tenant's.
func (c heldColumn) tells(form scopes.Form) bool {
	return slices.Contains(c.forms, scopes.Text) || slices.Contains(c.forms, form)
}

// loose says that two IDs may be one in the column.
func (c heldColumn) loose(column string) string {
	such := ""
	if c.folds {
		such = ", such as acme and ACME"
	}
	return fmt.Sprintf("the column %s of %s has the %s, for which two IDs may be one%s; %s", column, c.table, c.says, such, c.cure)
}

// spelled says that the column has several spellings for one ID.
func (c heldColumn) spelled(column string) string {
	var tags []string
	for form, tag := range map[scopes.Form]string{scopes.UUID: `gorm:"type:uuid"`, scopes.Integer: `gorm:"type:bigint"`, scopes.Bytes: "[]byte"} {
		if slices.Contains(c.forms, form) {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return fmt.Sprintf("the column %s of %s has the %s, for which several spellings are one ID; declare the field as %s, and one alone is taken, or make the column text",
		column, c.table, c.says, strings.Join(tags, " or "))
}

// Attest implements [tenancy.Attester].
func (s *shared) Attest(ctx context.Context, pool gorm.ConnPool, owned []*schema.Schema) error {
	held, err := heldColumns(ctx, s.in, pool, owned)
	if err != nil {
		return err
	}
	for _, c := range held {
		s.in.Admit(c.table, c.admit)
	}
	return refused(s.inexact(held, owned))
}

// Attest implements [tenancy.Attester].
func (p *policies) Attest(ctx context.Context, pool gorm.ConnPool, owned []*schema.Schema) error {
	held, err := heldColumns(ctx, p.in, pool, owned)
	if err != nil {
		return err
	}
	return refused(p.inexact(held, owned))
}

func refused(inexact []string) error {
	if len(inexact) == 0 {
		return nil
	}
	return &tenancy.Error{Kind: tenancy.ErrConfig, Detail: strings.Join(inexact, "; ")}
}

// inexact lists the tenant columns that take two IDs for one, unless their models keep all but
// one out.
func (s *shared) inexact(held []heldColumn, owned []*schema.Schema) []string {
	found := rewriting(s.in.Column(), owned)
	for _, model := range owned {
		form := formOf(model, s.in.Column())
		for _, c := range held {
			switch {
			case !strings.EqualFold(c.table, model.Table) || c.tells(form):
			case len(c.forms) == 0:
				found = append(found, c.loose(s.in.Column()))
			default:
				found = append(found, c.spelled(s.in.Column()))
			}
		}
	}
	return found
}

// formOf is the form of a model's tenant column. A join table that was made without one has that
// of any text.
func formOf(model *schema.Schema, column string) scopes.Form {
	if field := model.LookUpField(column); field != nil {
		return scopes.FormOf(field)
	}
	return scopes.Text
}

// inexact lists the tenant columns that take two IDs for one. The policies let a value through
// whose text is the ID, so each value has to have one.
func (p *policies) inexact(held []heldColumn, owned []*schema.Schema) []string {
	found := rewriting(p.in.Column(), owned)
	for _, c := range held {
		switch c.base {
		case "text", "varchar", "bpchar", "uuid", "int2", "int4", "int8":
			if len(c.forms) > 0 {
				continue
			}
		}
		found = append(found, c.loose(p.in.Column()))
	}
	return found
}

// rewriting lists the tenant columns for whose values the model writes SQL of its own.
func rewriting(column string, owned []*schema.Schema) []string {
	var found []string
	for _, model := range owned {
		field := model.LookUpField(column)
		if field == nil {
			continue
		}
		if _, rewrites := reflect.TypeAssert[gorm.Valuer](reflect.New(field.IndirectFieldType)); rewrites {
			found = append(found, fmt.Sprintf("the field %s of %s writes SQL of its own (GormValue), which may make one of two IDs; give it another type", field.Name, model.Name))
		}
	}
	return found
}

// heldColumns finds the tenant columns of the tables that are there.
func heldColumns(ctx context.Context, in *tenancy.Installation, pool gorm.ConnPool, owned []*schema.Schema) ([]heldColumn, error) {
	if len(owned) == 0 {
		return nil, nil
	}
	tables := make([]string, len(owned))
	for i, model := range owned {
		tables[i] = model.Table
	}
	switch in.Dialect() {
	case "postgres":
		return heldPostgres(ctx, pool, tables, in.Column())
	case "mysql":
		return heldMySQL(ctx, pool, tables, in.Column())
	case "sqlite":
		return heldSQLite(ctx, pool, tables, in.Column())
	default:
		return nil, nil
	}
}
