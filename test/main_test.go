package test

import (
	"fmt"
	"os"
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
	goleak.VerifyTestMain(m, leaks()...)
}

// leaks lists the goroutines that are no fault of this module: GORM's cache of prepared
// statements starts one that has no way to end.
func leaks() []goleak.Option {
	return []goleak.Option{goleak.IgnoreTopFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1")}
}
