package strategies

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/scopes"
)

// heldColumn is the tenant column of a table as the database has it.
type heldColumn struct {
	table string
	says  string        // "type uuid", "collation NOCASE"
	forms []scopes.Form // the IDs that it tells from each other; with Text, all
	cure  string
}

// tells reports whether each ID of a form is another tenant's.
func (c heldColumn) tells(form scopes.Form) bool {
	return slices.Contains(c.forms, scopes.Text) || slices.Contains(c.forms, form)
}

// Attest refuses tenant columns that take two IDs for one. It is for tables that something else
// than Provision made, too.
func (s *shared) Attest(ctx context.Context, pool gorm.ConnPool) error {
	return refused(s.inexact(ctx, pool))
}

// Attest refuses tenant columns that take two IDs for one. It is for tables that something else
// than Provision made, too.
func (p *policies) Attest(ctx context.Context, pool gorm.ConnPool) error {
	return refused(p.inexact(ctx, pool))
}

func refused(inexact []string, err error) error {
	if err != nil || len(inexact) == 0 {
		return err
	}
	return &tenancy.Error{Kind: tenancy.ErrConfig, Detail: strings.Join(inexact, "; ")}
}

// inexact lists the tenant columns of owned tables that take two IDs for one, unless their
// models keep all but one out.
func (s *shared) inexact(ctx context.Context, pool gorm.ConnPool) ([]string, error) {
	held, err := heldColumns(ctx, s.in, pool)
	if err != nil {
		return nil, err
	}
	owned, err := s.in.Ordered()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, model := range owned {
		field := model.LookUpField(s.in.Column())
		for _, c := range held {
			switch {
			case field == nil || !strings.EqualFold(c.table, model.Table) || c.tells(scopes.FormOf(field)):
			case len(c.forms) == 0:
				found = append(found, loose(s.in.Column(), c))
			default:
				found = append(found, fmt.Sprintf("the column %s of %s has the %s, for which several spellings are one ID; say so in the field's tag, gorm:\"type:…\", and one alone is taken", s.in.Column(), c.table, c.says))
			}
		}
	}
	return found, nil
}

// inexact lists the tenant columns of owned tables that take two IDs for one. Of several
// spellings of a value the policies let one alone through.
func (p *policies) inexact(ctx context.Context, pool gorm.ConnPool) ([]string, error) {
	held, err := heldColumns(ctx, p.in, pool)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, c := range held {
		if len(c.forms) == 0 {
			found = append(found, loose(p.in.Column(), c))
		}
	}
	return found, nil
}

func loose(column string, c heldColumn) string {
	return fmt.Sprintf("the column %s of %s has the %s, for which two IDs may be one, such as acme and ACME; %s", column, c.table, c.says, c.cure)
}

// heldColumns finds the tenant columns of owned tables that are there.
func heldColumns(ctx context.Context, in *tenancy.Installation, pool gorm.ConnPool) ([]heldColumn, error) {
	owned, err := in.Ordered()
	if err != nil || len(owned) == 0 {
		return nil, err
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
