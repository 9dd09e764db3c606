package hybrid

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/names"
)

// The names of the tiers, where a [Config] gives them no others.
const (
	TierPremium  = "premium"
	TierStandard = "standard"
)

// Config says what the tiers are, and who is in which. A tenant's tier is found in this
// order:
//
//  1. Tenant.Tier, where it is set: the name of a tier. Any other name makes the tenant
//     [tenancy.ErrInvalidTenant].
//  2. PremiumTenants: whoever is listed is premium.
//  3. IsPremium: whoever it says yes to is premium.
//  4. All others are standard.
type Config struct {
	// Premium keeps the premium tenants apart. Required; another hybrid if you like.
	Premium tenancy.Strategy
	// Standard keeps all others apart. Required; another hybrid if you like.
	Standard tenancy.Strategy
	// PremiumTenants lists premium tenants by their IDs.
	PremiumTenants []string
	// IsPremium finds premium tenants that are not listed. nil: there are none. It is
	// called from any goroutine and for every context with a tenant, so it should be quick
	// and do no I/O. It must answer the same for an equal tenant until that tenant's rows
	// are moved. Within a hybrid that is a tier itself, it sees a tenant whose Tier names
	// the whole hybrid without its Tier.
	IsPremium func(tenancy.Tenant) bool
	// PremiumTier is the name of the premium tier in Tenant.Tier: at most 64 bytes, without a
	// slash. Empty: "premium".
	PremiumTier string
	// StandardTier is the name of the standard tier in Tenant.Tier: at most 64 bytes, without
	// a slash. Empty: "standard". Where a tier is a hybrid itself, all names in it must differ
	// from those outside.
	StandardTier string
}

// New returns the strategy that cfg describes. What is wrong with cfg is returned by
// db.Use, as [tenancy.ErrConfig].
func New(cfg Config) *Strategy {
	s := &Strategy{
		tiers: [2]tier{
			{cmp.Or(cfg.PremiumTier, TierPremium), cfg.Premium},
			{cmp.Or(cfg.StandardTier, TierStandard), cfg.Standard},
		},
		listed:    make(map[string]bool, len(cfg.PremiumTenants)),
		isPremium: cfg.IsPremium,
	}
	s.fault = s.check(cfg.PremiumTenants)
	for _, id := range cfg.PremiumTenants {
		s.listed[id] = true
	}
	return s
}

// check says what is wrong, as far as that can be told without a database.
func (s *Strategy) check(premium []string) error {
	for _, t := range s.tiers {
		if missing(t.strategy) {
			return configError("the tier %q has no strategy; set both Premium and Standard", t.name)
		}
		if inner, ok := t.strategy.(*Strategy); ok && inner.wrong() != nil {
			return inner.wrong()
		}
	}
	if err := checkNames(s.Tiers()); err != nil {
		return err
	}
	if err := checkLeaves(s.leaves()); err != nil {
		return err
	}
	return checkTenants(premium)
}

// wrong says what is wrong with a strategy, which New may not have made.
func (s *Strategy) wrong() error {
	if s.fault == nil && missing(s.tiers[0].strategy) {
		return configError("a hybrid.Strategy has no tiers; make it by hybrid.New")
	}
	return s.fault
}

// missing reports whether there is no strategy, though perhaps a pointer's type.
func missing(s tenancy.Strategy) bool {
	v := reflect.ValueOf(s)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// longestName leaves room for a tenant's own name in the ledger of migrations.
const longestName = 64

func checkNames(tiers []string) error {
	seen := map[string]bool{}
	for _, name := range tiers {
		if err := names.Valid(name); err != nil {
			return configError("the tier %q: names follow the rules of IDs: %v", name, err)
		}
		if len(name) > longestName || strings.Contains(name, "/") {
			return configError("the tier %q: use a name of at most %d bytes without a slash, which ends it in the names of groups", name, longestName)
		}
		if seen[name] {
			return configError("two tiers are called %q; give each a name of its own by PremiumTier and StandardTier", name)
		}
		seen[name] = true
	}
	return nil
}

// checkLeaves finds a strategy that is there twice. Others that come to the same are found
// when they are installed.
func checkLeaves(leaves []tier) error {
	for i, a := range leaves {
		for _, b := range leaves[i+1:] {
			x, y := reflect.ValueOf(a.strategy), reflect.ValueOf(b.strategy)
			if x.Comparable() && y.Comparable() && a.strategy == b.strategy {
				return equalTiers(a.name, b.name)
			}
		}
	}
	return nil
}

func equalTiers(a, b string) error {
	return configError("the tiers %q and %q would have the same tables; choose two strategies that differ", a, b)
}

func checkTenants(ids []string) error {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if err := names.Valid(id); err != nil {
			return configError("PremiumTenants: %v", err)
		}
		if seen[id] {
			return configError("PremiumTenants lists %q twice; once is enough", id)
		}
		seen[id] = true
	}
	return nil
}

func configError(format string, args ...any) error {
	return &tenancy.Error{Kind: tenancy.ErrConfig, Detail: fmt.Sprintf(format, args...)}
}

// quotedList is names for a message.
func quotedList(all []string) string {
	quoted := make([]string, len(all))
	for i, name := range all {
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted, ", ")
}
