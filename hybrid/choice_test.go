package hybrid_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
)

// nested is a hybrid of four tiers: gold and silver are premium, bronze and free standard.
func nested() (*hybrid.Strategy, *[]string) {
	var asked []string
	asks := func(where string, yes ...string) func(tenancy.Tenant) bool {
		return func(t tenancy.Tenant) bool {
			asked = append(asked, where+" "+t.ID+" "+t.Tier)
			return slices.Contains(yes, t.ID)
		}
	}
	above := hybrid.New(hybrid.Config{
		Premium: &fake{name: "gold", schema: "g"}, Standard: &fake{name: "silver", schema: "s"},
		PremiumTier: "gold", StandardTier: "silver", IsPremium: asks("above", "midas"),
	})
	below := hybrid.New(hybrid.Config{
		Premium: &fake{name: "bronze", schema: "b"}, Standard: &fake{name: "free", schema: "f"},
		PremiumTier: "bronze", StandardTier: "free", PremiumTenants: []string{"acme", "hooli"},
	})
	return hybrid.New(hybrid.Config{
		Premium: above, Standard: below, PremiumTenants: []string{"acme", "midas"}, IsPremium: asks("outside", "globex", "acme"),
	}), &asked
}

// TestFor: the tier, the list, the function, standard, in this order and on each level.
func TestFor(t *testing.T) {
	for _, test := range []struct {
		tenant tenancy.Tenant
		want   string
		asked  string // which functions
	}{
		{tenancy.Tenant{ID: "acme"}, "silver", "above acme "},
		{tenancy.Tenant{ID: "midas"}, "gold", "above midas "},
		{tenancy.Tenant{ID: "globex"}, "silver", "outside globex |above globex "},
		{tenancy.Tenant{ID: "hooli"}, "bronze", "outside hooli "},
		{tenancy.Tenant{ID: "initech"}, "free", "outside initech "},
		{tenancy.Tenant{ID: "acme", Tier: "free"}, "free", ""},
		{tenancy.Tenant{ID: "acme", Tier: "standard"}, "bronze", ""},
		{tenancy.Tenant{ID: "initech", Tier: "premium"}, "silver", "above initech "},
		{tenancy.Tenant{ID: "initech", Tier: "gold"}, "gold", ""},
	} {
		s, asked := nested()
		got, err := s.For(test.tenant)
		must(t, err)
		if got.Name() != test.want || strings.Join(*asked, "|") != test.asked {
			t.Errorf("%+v: %s after asking %q, want %s after %q", test.tenant, got.Name(), *asked, test.want, test.asked)
		}
	}
}

func TestForInvalid(t *testing.T) {
	s, _ := nested()
	_, err := s.For(tenancy.Tenant{ID: "acme", Tier: "platinum"})
	wantKind(t, err, tenancy.ErrInvalidTenant)
	for _, known := range []string{"premium", "gold", "silver", "standard", "bronze", "free"} {
		if err != nil && !strings.Contains(err.Error(), `"`+known+`"`) {
			t.Errorf("%v does not say %q", err, known)
		}
	}
	_, err = s.For(tenancy.Tenant{})
	wantKind(t, err, tenancy.ErrInvalidTenant)
	_, err = hybrid.New(hybrid.Config{}).For(tenancy.Tenant{ID: "acme"})
	wantKind(t, err, tenancy.ErrConfig)
}

func TestInner(t *testing.T) {
	premium, standard := &fake{name: "p"}, &fake{name: "s"}
	s := hybrid.New(hybrid.Config{Premium: premium, Standard: standard})
	if s.Premium() != premium || s.Standard() != standard || s.Name() != "hybrid" {
		t.Errorf("%v, %v, %q", s.Premium(), s.Standard(), s.Name())
	}
	if got := s.Tiers(); !slices.Equal(got, []string{hybrid.TierPremium, hybrid.TierStandard}) {
		t.Errorf("tiers %q", got)
	}
}

// TestConfigIsCopied: what the caller does to the list later changes nothing.
func TestConfigIsCopied(t *testing.T) {
	list := []string{"acme"}
	s := hybrid.New(hybrid.Config{Premium: &fake{name: "p"}, Standard: &fake{name: "s"}, PremiumTenants: list})
	list[0] = "globex"
	if got, err := s.For(tenancy.Tenant{ID: "acme"}); err != nil || got.Name() != "p" {
		t.Errorf("%v, %v", got, err)
	}
}
