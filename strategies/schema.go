package strategies

import (
	"fmt"

	"github.com/gormtenancy/tenancy"
)

// Schema gives each tenant a set of tables of its own in one database. On SQLite, and
// on dialects that this package does not know, the set is made by a prefix: the
// table users of the tenant acme is t_acme__users. The zero value is ready.
//
// Everything that GORM builds carries the tenant's names, and so does raw SQL where
// each table in it can be told with certainty; other texts are refused with
// [tenancy.ErrRawSQL].
type Schema struct{}

// Name returns "schema".
func (Schema) Name() string { return "schema" }

// Install implements [tenancy.Strategy].
func (Schema) Install(in *tenancy.Installation) (tenancy.Provider, error) {
	switch in.Dialect() {
	case "postgres", "mysql", "sqlserver":
		return nil, &tenancy.Error{Kind: tenancy.ErrUnsupportedDialect, Detail: fmt.Sprintf("the schema strategy does not support %q yet; it supports sqlite, and other dialects by table prefix", in.Dialect())}
	default:
		return &prefix{in: in}, nil
	}
}
