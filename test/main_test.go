package test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests and then looks for goroutines that they left behind. With
// childEnv set it is one of the processes that TestProvisionProcesses starts, and with
// fleetEnv, databasesEnv or versionedEnv one that is killed.
func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		if err := provisionAsChild(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dsn := os.Getenv(fleetEnv); dsn != "" {
		if err := migrateAsChild(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if spec := os.Getenv(databasesEnv); spec != "" {
		if err := migrateDatabasesAsChild(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dsn := os.Getenv(versionedEnv); dsn != "" {
		if err := versionedAsChild(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	limitParallel()
	goleak.VerifyTestMain(m, leaks()...)
}

// parallel is how many tests run beside each other, however many processors there are: servers
// take about a hundred connections, and a test may want a dozen.
const parallel = 4

// limitParallel makes parallel what -parallel is, unless it is given.
func limitParallel() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return
	}
	if err := flag.Set("test.parallel", strconv.Itoa(parallel)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// leaks lists the goroutines that are no fault of this module: GORM's cache of prepared
// statements starts one that has no way to end.
func leaks() []goleak.Option {
	return []goleak.Option{goleak.IgnoreTopFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1")}
}
