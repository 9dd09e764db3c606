package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
	"github.com/gormtenancy/tenancy/test/servers"
)

const fleetWorkers = 4

// loopSample is how many tenants the plain loop migrates: it takes about the same time
// for each, the longer the more tables there are in the database, and too much for all.
func loopSample(size int) int { return max(3, 1000/size) }

// BenchmarkFleet measures, on one server and in one run, what it takes to create many
// schemas of twenty tables, to change a column in each, and to find nothing to do:
//
//	loop-ms     a plain loop of GORM's AutoMigrate, per tenant
//	psql-ms     psql, as many at a time as there are workers, with the same statements
//	up-ms       migrate.Up
//	x-loop      what of the loop's time Up takes
//	speed-psql  Up's speed as a part of psql's
//
// A change is made three times, by psql and by Up in turn, and the medians are told.
//
// TENANCY_TEST_LONG=1 does it for 1,000 schemas as well.
func BenchmarkFleet(b *testing.B) {
	sizes := []int{200}
	if long, _ := strconv.ParseBool(os.Getenv("TENANCY_TEST_LONG")); long {
		sizes = append(sizes, 1000)
	}
	for _, size := range sizes {
		b.Run(strconv.Itoa(size), func(b *testing.B) { benchFleet(b, size) })
	}
}

func benchFleet(b *testing.B, size int) {
	server, peer := servers.NewPostgres(b), servers.NewPostgres(b)
	tenants := fleetOf(size)
	before := openFleet(b, server, twenty())
	loop := openLoop(b, peer, loopSample(size))

	plan, err := before.migrate.Plan(b.Context(), migrate.Tenants(tenants...))
	check(b, err)
	create := plan.Groups[0].Statements
	looped := timed(func() { loop.each(b, true, twenty()) })
	scripted := psql(b, peer, tenants, true, create)
	up := timed(func() { before.up(b, tenants) })
	b.Run("create", func(b *testing.B) { compare(b, size, looped, scripted, up) })

	looped = timed(func() { loop.each(b, false, twenty()) })
	unchanged := timed(func() { before.up(b, tenants) })
	b.Run("no-op", func(b *testing.B) { compare(b, size, looped, 0, unchanged) })
	unchanged = timed(func() { before.with(b, migrate.Trust()).up(b, tenants) })
	b.Run("no-op by ledger", func(b *testing.B) { compare(b, size, looped, 0, unchanged) })

	to := changes()
	looped = timed(func() { loop.each(b, false, to[0]) })
	change := func(name string, to [][]any, options ...migrate.Option) {
		var scripted, up []time.Duration
		for i, models := range to {
			after := openFleet(b, server, models).with(b, options...)
			plan, err := after.migrate.Plan(b.Context(), migrate.Tenants(tenants...))
			check(b, err)
			if len(plan.Groups) != 1 {
				b.Fatalf("%d groups before the change", len(plan.Groups))
			}
			sides := []func(){
				func() { scripted = append(scripted, psql(b, peer, tenants, false, plan.Groups[0].Statements)) },
				func() { up = append(up, timed(func() { after.up(b, tenants) })) },
			}
			sides[i%2]()
			sides[1-i%2]()
		}
		b.Run(name, func(b *testing.B) { compare(b, size, looped, middle(scripted), middle(up)) })
	}
	change("change", to[:len(to)/2])
	change("change by ledger", to[len(to)/2:], migrate.Trust())
}

// middle is the median of an odd number of times.
func middle(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// compare reports what was measured.
func compare(b *testing.B, size int, looped, scripted, up time.Duration) {
	for b.Loop() {
	}
	perTenant := float64(looped.Microseconds()) / 1000 / float64(loopSample(size))
	took := float64(up.Microseconds()) / 1000
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(perTenant, "loop-ms")
	b.ReportMetric(took, "up-ms")
	b.ReportMetric(took/(perTenant*float64(size)), "x-loop")
	if scripted > 0 {
		b.ReportMetric(float64(scripted.Microseconds())/1000, "psql-ms")
		b.ReportMetric(float64(scripted)/float64(up), "speed-psql")
	}
}

func timed(fn func()) time.Duration {
	began := time.Now()
	fn()
	return time.Since(began)
}

func fleetOf(size int) []tenancy.Tenant {
	list := make([]tenancy.Tenant, size)
	for i := range list {
		list[i] = tenancy.Tenant{ID: fmt.Sprintf("t%04d", i)}
	}
	return list
}

// fleet is a migrator under test.
type fleet struct {
	db      *gorm.DB
	migrate *migrate.Migrator
}

func openFleet(b *testing.B, server servers.Postgres, models []any) fleet {
	b.Helper()
	db := openServer(b, server, fleetWorkers)
	check(b, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.Schema{}, Models: models})))
	b.Cleanup(func() { check(b, tenancy.Close(db)) })
	return fleet{db: db}.with(b)
}

// with is the fleet with a migrator that has other options.
func (f fleet) with(b *testing.B, options ...migrate.Option) fleet {
	b.Helper()
	m, err := migrate.New(f.db, append(options, migrate.Workers(fleetWorkers))...)
	check(b, err)
	return fleet{f.db, m}
}

func openServer(b *testing.B, server servers.Postgres, conns int) *gorm.DB {
	b.Helper()
	db, err := gorm.Open(postgres.Open(server.DSN), &gorm.Config{Logger: logger.Discard})
	check(b, err)
	pool, err := db.DB()
	check(b, err)
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	b.Cleanup(func() { check(b, pool.Close()) })
	return db
}

func (f fleet) up(b *testing.B, tenants []tenancy.Tenant) {
	b.Helper()
	report, err := f.migrate.Up(b.Context(), migrate.Tenants(tenants...))
	check(b, err)
	for _, result := range report.Results {
		if result.Note != "" || len(result.Differs) > 0 {
			b.Fatalf("%s: %s %v", result.Tenant.ID, result.Note, result.Differs)
		}
	}
}

// loop is what a program does without this module: search_path set, and AutoMigrate.
type loop struct {
	db      *gorm.DB
	tenants int
}

func openLoop(b *testing.B, server servers.Postgres, tenants int) loop {
	b.Helper()
	return loop{openServer(b, server, 1), tenants}
}

func (l loop) each(b *testing.B, create bool, models []any) {
	b.Helper()
	for i := range l.tenants {
		schema := fmt.Sprintf("loop_%d", i)
		if create {
			check(b, l.db.Exec("CREATE SCHEMA "+schema).Error)
		}
		check(b, l.db.Exec("SET search_path TO "+schema).Error)
		check(b, l.db.AutoMigrate(models...))
	}
	check(b, l.db.Exec("RESET search_path").Error)
}

// psql replays statements for all tenants with as many processes as there are workers.
// 0: there is no psql.
func psql(b *testing.B, server servers.Postgres, tenants []tenancy.Tenant, create bool, statements []string) time.Duration {
	b.Helper()
	binary, err := exec.LookPath("psql")
	if err != nil {
		b.Log("no psql, so there is nothing to compare with:", err)
		return 0
	}
	dir := b.TempDir()
	files := make([]strings.Builder, fleetWorkers)
	for i, t := range tenants {
		file := &files[i%fleetWorkers]
		file.WriteString("BEGIN;\n")
		if create {
			fmt.Fprintf(file, "CREATE SCHEMA tenant_%s;\n", t.ID)
		}
		fmt.Fprintf(file, "SET LOCAL search_path TO tenant_%s;\n%s;\nCOMMIT;\n", t.ID, strings.Join(statements, ";\n"))
	}
	for i := range files {
		check(b, os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(files[i].String()), 0o600))
	}
	errs := make([]error, len(files))
	return timed(func() {
		var workers sync.WaitGroup
		for i := range files {
			workers.Go(func() {
				command := exec.CommandContext(context.Background(), binary, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server.DSN, "-f", filepath.Join(dir, strconv.Itoa(i)))
				if out, err := command.CombinedOutput(); err != nil {
					errs[i] = fmt.Errorf("%w: %s", err, out)
				}
			})
		}
		workers.Wait()
		check(b, errors.Join(errs...))
	})
}
