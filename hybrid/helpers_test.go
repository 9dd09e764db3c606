package hybrid_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// page is an owned model.
type page struct {
	ID       uint
	TenantID string
	Text     string
}

// fake is a strategy that notes what is asked of it.
type fake struct {
	name    string
	schema  string // the schema of each tenant
	install error
	closing error
	asked   []string
}

func (f *fake) Name() string { return f.name }

func (f *fake) Install(*tenancy.Installation) (tenancy.Provider, error) {
	f.note("install", tenancy.Tenant{})
	if f.install != nil {
		return nil, f.install
	}
	return fakeProvider{f}, nil
}

func (f *fake) note(what string, t tenancy.Tenant) { f.asked = append(f.asked, what+" "+t.ID) }

type fakeProvider struct{ *fake }

func (f fakeProvider) Bind(tenancy.Tenant) (tenancy.Binding, error) {
	return tenancy.Binding{Names: tenancy.Names{Schema: f.schema}}, nil
}

func (f fakeProvider) Provision(_ context.Context, t tenancy.Tenant) error {
	f.note("provision", t)
	return nil
}

func (f fakeProvider) Destroy(_ context.Context, t tenancy.Tenant) error {
	f.note("destroy", t)
	return nil
}

func (f fakeProvider) Verify(_ context.Context, t tenancy.Tenant) error {
	f.note("verify", t)
	return errVerified
}

func (f fakeProvider) Group(t tenancy.Tenant) string { return t.ID }

func (f fakeProvider) Close() error {
	f.note("close", tenancy.Tenant{})
	return f.closing
}

// errVerified shows who was asked.
var errVerified = errors.New("asked")

// sharing is a fake that has a place for shared models.
type sharing struct {
	fake
	place string
}

func (s *sharing) Install(*tenancy.Installation) (tenancy.Provider, error) {
	return sharingProvider{fakeProvider{&s.fake}, s.place}, nil
}

type sharingProvider struct {
	fakeProvider
	place string
}

func (s sharingProvider) SharedBinding() tenancy.Binding {
	return tenancy.Binding{Names: tenancy.Names{Shared: s.place}}
}

// use opens a database and installs a strategy on it.
func use(t testing.TB, strategy tenancy.Strategy) (*gorm.DB, error) {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "base.db")), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	t.Cleanup(func() {
		base, err := db.DB()
		must(t, err)
		must(t, base.Close())
	})
	return db, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategy, Models: []any{&page{}}}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got the error %v, want one that is %q", err, kind)
	}
}
