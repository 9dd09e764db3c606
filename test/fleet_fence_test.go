package test

import (
	"strings"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// ticket has a serial column that is not its key, and ticketWide a larger one.
type ticket struct {
	ID     int64
	Number int32 `gorm:"autoIncrement"`
}

type ticketWide struct {
	ID     int64
	Number int64 `gorm:"autoIncrement"`
}

func (ticketWide) TableName() string { return "tickets" }

type ticketPlain struct {
	ID     int64
	Number int64
}

func (ticketPlain) TableName() string { return "tickets" }

// TestFleetSequences: the sequence of a column that changes is the tenant's own, whichever
// of two schemas the catalog names last, and is replayed as each one's own.
func TestFleetSequences(t *testing.T) {
	t.Parallel()
	for name, models := range map[string][]any{"wider": {&ticketWide{}}, "plain": {&ticketPlain{}}} {
		t.Run(name, func(t *testing.T) {
			server := newPG(t)
			all := numbered(4)
			openPG(t, server, pgSchema, pgSetup{models: []any{&ticket{}}}).up(t, all)
			later := openPG(t, server, pgSchema, pgSetup{models: models})
			sequences := "SELECT n.nspname || ' ' || format_type(s.seqtypid, NULL) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'tickets_number_seq' ORDER BY 1"
			for i, tenant := range all {
				before := server.ask(t, sequences)
				later.provision(t, tenant.ID)
				after := server.ask(t, sequences)
				for _, line := range before {
					own := strings.HasPrefix(line, "tenant_"+tenant.ID+" ")
					kept := strings.Contains(strings.Join(after, "\n"), line)
					if own == kept {
						t.Errorf("%s was migrated, and the sequences were %q and are %q", tenant.ID, before, after)
					}
				}
				if i == 1 {
					together(t, later.up(t, all)) // the others, by what was recorded
					break
				}
			}
			for _, tenant := range all {
				must(t, later.migrate.Verify(t.Context(), tenant))
				must(t, later.as(tenant.ID).Exec("INSERT INTO tickets (id, number) VALUES (1, 1)").Error)
			}
		})
	}
}

// TestPGSequencesOfOthers: whatever way a column is changed, its sequence is the tenant's own.
func TestPGSequencesOfOthers(t *testing.T) {
	t.Parallel()
	wider := &ticketWide{}
	for name, way := range map[string]struct {
		models []any
		change func(db *gorm.DB) error
	}{
		"listed":   {[]any{wider}, func(db *gorm.DB) error { return db.AutoMigrate(wider) }},
		"unlisted": {[]any{&parcel{}}, func(db *gorm.DB) error { return db.AutoMigrate(wider) }},
		"in a transaction": {[]any{wider}, func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.AutoMigrate(wider) })
		}},
		"alone": {[]any{wider}, func(db *gorm.DB) error { return db.Migrator().AlterColumn(wider, "Number") }},
	} {
		t.Run(name, func(t *testing.T) {
			server := newPG(t)
			all := numbered(2)
			openPG(t, server, pgSchema, pgSetup{models: []any{&ticket{}}}).up(t, all)
			later := openPG(t, server, pgSchema, pgSetup{models: way.models})
			sequences := "SELECT n.nspname || ' ' || format_type(s.seqtypid, NULL) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'tickets_number_seq' ORDER BY 1"
			want := []string{"tenant_ship000 integer", "tenant_ship001 integer"}
			for _, i := range []int{1, 0} { // one of them is not the last in the catalog
				must(t, way.change(later.as(all[i].ID)))
				want[i] = strings.Replace(want[i], "integer", "bigint", 1)
				same(t, "sequences", server.ask(t, sequences), want)
			}
		})
	}
}

// tollNarrow and tollWide are shared models of a schema of the application's own.
type (
	tollNarrow struct {
		ID     int64
		Number int32 `gorm:"autoIncrement"`
	}
	tollWide struct {
		ID     int64
		Number int64 `gorm:"autoIncrement"`
	}
)

func (tollNarrow) TableName() string { return "billing.tolls" }
func (tollWide) TableName() string   { return "billing.tolls" }

// TestPGSequenceOfPlaced: the sequence of a shared model that names its schema is found there,
// and a table of that name elsewhere keeps its own.
func TestPGSequenceOfPlaced(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	open := func(shared any) {
		t.Helper()
		db, err := gorm.Open(postgres.Open(server.DSN), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: []any{&ticket{}}, Shared: []any{shared}})))
		m, err := migrate.New(db)
		must(t, err)
		_, err = m.Up(t.Context(), migrate.Tenants(numbered(1)...))
		must(t, err)
		must(t, tenancy.Close(db))
		pool, err := db.DB()
		must(t, err)
		must(t, pool.Close())
	}
	_, err := server.admin.Exec("CREATE SCHEMA billing AUTHORIZATION " + server.Name + "; CREATE TABLE public.tolls (number serial); CREATE SCHEMA zoo; CREATE TABLE zoo.tolls (number serial)")
	must(t, err)
	open(&tollNarrow{})
	open(&tollWide{})
	same(t, "sequences", server.ask(t, "SELECT n.nspname || ' ' || format_type(s.seqtypid, NULL) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'tolls_number_seq' ORDER BY 1"),
		[]string{"billing bigint", "public integer", "zoo integer"})
}

// reaching names another tenant's sequence by its default.
type reaching struct {
	ID     int64
	Number int64 `gorm:"default:nextval('tenant_ship001.tickets_number_seq')"`
}

func (reaching) TableName() string { return "reachings" }

// TestFleetFence: a migration that names another tenant's schema is refused, whether it is
// AutoMigrate's or a recorded text, and the tenant who is named may have it.
func TestFleetFence(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	all := numbered(3)
	openPG(t, server, pgSchema, pgSetup{models: []any{&ticket{}}}).up(t, all)
	s := openPG(t, server, pgSchema, pgSetup{models: []any{&ticket{}, &reaching{}}})
	report, err := s.migrate.Up(t.Context(), migrate.Tenants(all...))
	wantKind(t, err, tenancy.ErrTenantMismatch)
	for _, result := range report.Results {
		want := migrate.Failed
		if result.Tenant.ID == "ship001" {
			want = migrate.Done
		}
		if result.State != want {
			t.Errorf("%s is %s: %v", result.Tenant.ID, result.State, result.Err)
		}
		if want == migrate.Failed && result.Err != nil && !strings.Contains(result.Err.Error(), "tenant_ship001 of the tenant ship001") {
			t.Errorf("the error does not say whose it is: %v", result.Err)
		}
	}
	wantKind(t, s.migrate.Provision(t.Context(), tenancy.Tenant{ID: "new"}), tenancy.ErrTenantMismatch)
	same(t, "tables that reach", server.ask(t, "SELECT schemaname FROM pg_tables WHERE tablename = 'reachings'"), []string{"tenant_ship001"})
}
