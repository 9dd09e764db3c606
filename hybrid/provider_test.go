package hybrid_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// TestConfigErrors: db.Use says what is wrong.
func TestConfigErrors(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	files := func(dir string) tenancy.Strategy { return strategies.Database{Open: sqlite.Open, Dir: dir} }
	one := &fake{name: "one", schema: "one"}
	two := func() tenancy.Strategy { return &fake{name: "two", schema: "two"} }
	var none *fake
	var noHybrid *hybrid.Strategy
	inner := func(premium, standard string) tenancy.Strategy {
		return hybrid.New(hybrid.Config{Premium: one, Standard: two(), PremiumTier: premium, StandardTier: standard})
	}
	for name, test := range map[string]struct {
		cfg  hybrid.Config
		kind error
		says string
	}{
		"no tiers":                 {hybrid.Config{}, tenancy.ErrConfig, `"premium" has no strategy`},
		"no standard":              {hybrid.Config{Premium: one}, tenancy.ErrConfig, `"standard" has no strategy`},
		"nil in a type":            {hybrid.Config{Premium: none, Standard: one}, tenancy.ErrConfig, `"premium" has no strategy`},
		"a nil hybrid":             {hybrid.Config{Premium: one, Standard: noHybrid}, tenancy.ErrConfig, `"standard" has no strategy`},
		"one value":                {hybrid.Config{Premium: one, Standard: one}, tenancy.ErrConfig, "same tables"},
		"one value, nested":        {hybrid.Config{Premium: one, Standard: inner("a", "b")}, tenancy.ErrConfig, "same tables"},
		"prefix twice":             {hybrid.Config{Premium: strategies.Schema{}, Standard: strategies.Schema{SharedSchema: "x"}}, tenancy.ErrConfig, "same tables"},
		"shared twice":             {hybrid.Config{Premium: strategies.Shared{}, Standard: strategies.Shared{}}, tenancy.ErrConfig, "same tables"},
		"one directory":            {hybrid.Config{Premium: files(dir), Standard: files(dir)}, tenancy.ErrConfig, "same tables"},
		"one directory by a link":  {hybrid.Config{Premium: files(dir), Standard: files(link)}, tenancy.ErrConfig, "same tables"},
		"equal schemas":            {hybrid.Config{Premium: one, Standard: &fake{schema: "one"}}, tenancy.ErrConfig, "same tables"},
		"one name":                 {hybrid.Config{Premium: one, Standard: two(), PremiumTier: "x", StandardTier: "x"}, tenancy.ErrConfig, `two tiers are called "x"`},
		"one name, nested":         {hybrid.Config{Premium: &fake{schema: "three"}, Standard: inner("", "b")}, tenancy.ErrConfig, `two tiers are called "premium"`},
		"a name with a slash":      {hybrid.Config{Premium: one, Standard: two(), PremiumTier: "a/b"}, tenancy.ErrConfig, "without a slash"},
		"a name too long":          {hybrid.Config{Premium: one, Standard: two(), StandardTier: strings.Repeat("x", 65)}, tenancy.ErrConfig, "at most 64 bytes"},
		"a name that cannot be":    {hybrid.Config{Premium: one, Standard: two(), PremiumTier: "a\n"}, tenancy.ErrConfig, "unprintable"},
		"listed twice":             {hybrid.Config{Premium: one, Standard: two(), PremiumTenants: []string{"acme", "acme"}}, tenancy.ErrConfig, `"acme" twice`},
		"listed but invalid":       {hybrid.Config{Premium: one, Standard: two(), PremiumTenants: []string{""}}, tenancy.ErrConfig, "empty"},
		"wrong inside":             {hybrid.Config{Premium: one, Standard: hybrid.New(hybrid.Config{Premium: two()})}, tenancy.ErrConfig, "no strategy"},
		"not here":                 {hybrid.Config{Premium: one, Standard: strategies.RLS{}}, tenancy.ErrUnsupportedDialect, "row-level"},
		"shared models apart":      {hybrid.Config{Premium: &sharing{fake{schema: "one"}, "x"}, Standard: &sharing{fake{schema: "two"}, "y"}}, tenancy.ErrConfig, "different places"},
		"shared models together":   {hybrid.Config{Premium: &sharing{fake{schema: "one"}, "x"}, Standard: &sharing{fake{schema: "two"}, "x"}}, nil, ""},
		"two directories":          {hybrid.Config{Premium: files(t.TempDir()), Standard: files(t.TempDir())}, nil, ""},
		"shared models of one":     {hybrid.Config{Premium: &sharing{fake{schema: "one"}, "x"}, Standard: two()}, nil, ""},
		"three tiers":              {hybrid.Config{Premium: &fake{schema: "three"}, Standard: inner("a", "b")}, nil, ""},
		"a whole hybrid is a tier": {hybrid.Config{Premium: inner("a", "b"), Standard: &fake{schema: "three"}}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := use(t, hybrid.New(test.cfg))
			if test.kind == nil {
				must(t, err)
				must(t, tenancy.Close(db))
				return
			}
			wantKind(t, err, test.kind)
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v does not say %q", err, test.says)
			}
			if _, err := tenancy.Installed(db); !errors.Is(err, tenancy.ErrNotInstalled) {
				t.Errorf("installed all the same: %v", err)
			}
		})
	}
}

// TestInstallFails: what was installed before is closed, and both errors come back.
func TestInstallFails(t *testing.T) {
	failed, closing := errors.New("the second"), errors.New("closing the first")
	first, second, third := &fake{schema: "one", closing: closing}, &fake{install: failed}, &fake{schema: "three"}
	_, err := use(t, hybrid.New(hybrid.Config{
		Premium:  hybrid.New(hybrid.Config{Premium: first, Standard: second, PremiumTier: "a", StandardTier: "b"}),
		Standard: third,
	}))
	wantKind(t, err, failed)
	wantKind(t, err, closing)
	for f, want := range map[*fake][]string{first: {"install ", "close "}, second: {"install "}, third: nil} {
		if !slices.Equal(f.asked, want) {
			t.Errorf("asked %q, want %q", f.asked, want)
		}
	}
}

// TestPassedOn: each tenant's affairs go to its own tier, and all are closed once.
func TestPassedOn(t *testing.T) {
	closing := errors.New("closing")
	premium, standard := &fake{schema: "one", closing: closing}, &fake{schema: "two"}
	db, err := use(t, hybrid.New(hybrid.Config{Premium: premium, Standard: standard, PremiumTenants: []string{"acme"}}))
	must(t, err)
	m, err := migrate.New(db)
	must(t, err)
	in, err := tenancy.Installed(db)
	must(t, err)
	for _, id := range []string{"acme", "globex"} {
		tenant := tenancy.Tenant{ID: id}
		must(t, m.Provision(t.Context(), tenant))
		wantKind(t, m.Verify(t.Context(), tenant), errVerified)
		must(t, m.Destroy(t.Context(), tenant))
		wantKind(t, m.Provision(t.Context(), tenancy.Tenant{ID: id, Tier: "gold"}), tenancy.ErrInvalidTenant)
	}
	if a, b := in.Provider().Group(tenancy.Tenant{ID: "acme"}), in.Provider().Group(tenancy.Tenant{ID: "acme", Tier: "standard"}); a != "premium/acme" || b != "standard/acme" {
		t.Errorf("groups %q and %q", a, b)
	}
	for range 2 {
		wantKind(t, tenancy.Close(db), closing)
	}
	for id, f := range map[string]*fake{"acme": premium, "globex": standard} {
		if want := []string{"install ", "provision " + id, "verify " + id, "destroy " + id, "close "}; !slices.Equal(f.asked, want) {
			t.Errorf("asked %q, want %q", f.asked, want)
		}
	}
}

// TestUnknownTier: a statement of such a tenant is never sent.
func TestUnknownTier(t *testing.T) {
	db, err := use(t, hybrid.New(hybrid.Config{Premium: strategies.Schema{}, Standard: strategies.Shared{}}))
	must(t, err)
	ctx := tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: "acme", Tier: "gold"})
	wantKind(t, db.WithContext(ctx).Find(&[]page{}).Error, tenancy.ErrInvalidTenant)
}

// TestVerifyElsewhere: a tenant has rows in its own tier alone.
func TestVerifyElsewhere(t *testing.T) {
	db, err := use(t, hybrid.New(hybrid.Config{
		Premium: strategies.Database{Open: sqlite.Open, Dir: t.TempDir()},
		Standard: hybrid.New(hybrid.Config{
			Premium: strategies.Schema{}, Standard: strategies.Shared{}, PremiumTier: "prefixed", StandardTier: "common",
		}),
	}))
	must(t, err)
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	m, err := migrate.New(db)
	must(t, err)
	tiers := []string{"premium", "prefixed", "common"}
	in := func(tier string) (*gorm.DB, tenancy.Tenant) {
		tenant := tenancy.Tenant{ID: "acme", Tier: tier}
		return db.WithContext(tenancy.WithTenant(context.Background(), tenant)), tenant
	}
	must(t, m.Provision(t.Context(), tenancy.Tenant{ID: "globex", Tier: "common"}))
	other := db.WithContext(tenancy.WithTenant(context.Background(), tenancy.Tenant{ID: "globex", Tier: "common"}))
	must(t, other.Create(&page{Text: "globex"}).Error)
	for _, own := range tiers {
		acme, tenant := in(own)
		must(t, m.Provision(t.Context(), tenant))
		must(t, acme.Create(&page{Text: "own"}).Error)
		must(t, m.Verify(t.Context(), tenant))
		for _, elsewhere := range tiers {
			if elsewhere == own {
				continue
			}
			there, stray := in(elsewhere)
			must(t, m.Provision(t.Context(), stray))
			must(t, m.Verify(t.Context(), tenant)) // tables alone are no harm
			must(t, there.Create(&page{Text: "stray"}).Error)
			err := m.Verify(t.Context(), tenant)
			wantKind(t, err, tenancy.ErrDrifted)
			if err != nil && !strings.Contains(err.Error(), `1 rows of pages are in the tier "`+elsewhere+`"`) {
				t.Errorf("%s: %v", elsewhere, err)
			}
			must(t, m.Destroy(t.Context(), stray))
			must(t, m.Verify(t.Context(), tenant))
		}
		must(t, m.Destroy(t.Context(), tenant))
	}
	var left int64
	must(t, other.Model(&page{}).Count(&left).Error)
	if left != 1 {
		t.Errorf("globex has %d rows", left)
	}
}
