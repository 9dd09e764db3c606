package tenancy

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// Fleet is a [Provider] that works on the structures of many tenants by what they have
// in common: tenants of equal structures need equal statements. Where a provider is no
// Fleet, tenants are migrated by [Provider.Provision], those of an equal
// [Provider.Group] once, and the others one by one. Of a [Tiered], each tier is asked.
type Fleet interface {
	// Survey looks at many tenants with as few queries as the server allows, and
	// answers by [Provider.Group]. Tenants without a valid name are left out.
	Survey(ctx context.Context, tenants []Tenant) (map[string]Structure, error)
	// Objects tells what the structures of a few tenants consist of, by
	// [Provider.Group], in a form for people.
	Objects(ctx context.Context, tenants []Tenant) (map[string]Objects, error)
	// Apply changes one tenant's structures, alone, and returns the statements that it ran.
	// It is all or nothing where structures change in transactions; on MySQL, where each
	// statement commits, a change that was cut short is gone on with from what is there. Of
	// a Dry change it returns the statements that it would run.
	Apply(ctx context.Context, t Tenant, c Change) (Script, error)
}

// Structure is what a survey finds of a tenant.
type Structure struct {
	// Owner is the ID of the tenant to whom the database says that the structures
	// belong. Empty: the database knows nothing of them.
	Owner string
	// Fingerprint is equal for equal structures, whatever the names of their tenants,
	// and different for different ones. It knows nothing of rows, comments or the
	// order of columns. Empty: there are none.
	Fingerprint string
	// Err says why nothing could be found out of this tenant.
	Err error
}

// Objects are the parts of a tenant's structures, such as "column users.name", and
// their definitions.
type Objects map[string]string

// Change is what is to be done to one tenant's structures.
type Change struct {
	// Script is what to run. nil: what GORM's AutoMigrate finds to do for the models.
	Script *Script
	// Dry: change nothing.
	Dry bool
	// Only are the models that AutoMigrate is asked about, of a tenant that has structures.
	// nil: all of the configuration.
	Only []any
	// LockTimeout is how long to wait for each lock: that by which one run at a time works
	// on the tenant, and those of its tables, which MySQL counts in whole seconds, rounded
	// up. 0: none is set.
	LockTimeout time.Duration
	// StatementTimeout is how long a statement may last, on PostgreSQL and MariaDB. 0: none
	// is set.
	StatementTimeout time.Duration
	// Begun is called when the tenant is locked. It may say that there is nothing
	// left to do. base is the base database: the very transaction of the change where
	// the structures are in that database. nil: there always is.
	Begun func(ctx context.Context, base gorm.ConnPool) (done bool, err error)
	// Ended is called with the same base when all was done, before it is committed.
	Ended func(ctx context.Context, base gorm.ConnPool) error
}

// Script is the statements that bring one structure to another, in a form that fits any
// tenant of the strategy.
type Script struct {
	Statements []string
	// New: the script begins with nothing. Where a tenant has structures already,
	// AutoMigrate is asked instead.
	New bool
	// Doubt says why the statements may not fit another tenant. Empty: they do.
	Doubt string
}
