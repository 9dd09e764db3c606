package strategies

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// fence keeps a migration of the tenant in one schema from naming another tenant's.
func (s *schemas) fence(tx gorm.ConnPool, own string) *ddl.Fence {
	return &ddl.Fence{ConnPool: tx, Check: func(ctx context.Context, query string, words []string) error {
		words = slices.DeleteFunc(words, func(word string) bool { return word == own || word == s.cfg.sharedSchema() })
		if len(words) == 0 {
			return nil
		}
		others, err := list(ctx, tx, "SELECT name || ' of the tenant ' || tenant_id FROM "+s.registry()+" WHERE name = ANY ($1::text[])", textArray(words))
		if err != nil || len(others) == 0 {
			return err
		}
		return &tenancy.Error{Kind: tenancy.ErrTenantMismatch, Detail: fmt.Sprintf(
			"a migration of the schema %s names %s; it was not run: %s. Name no schema in the models", own, others[0], strings.TrimSpace(query))}
	}}
}
