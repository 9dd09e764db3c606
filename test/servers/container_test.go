package servers

import (
	"fmt"
	"testing"
	"time"
)

// TestContainer takes the way of those who have an engine for containers and no server.
func TestContainer(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: starting a container takes a while, and -short is set")
	}
	began := time.Now()
	dsn, err := postgresContainer()
	if err != nil {
		t.Skipf("skipped: no container: %v", err)
	}
	defer func() {
		if err := Close(); err != nil {
			t.Error(err)
		}
	}()
	db := openPostgres(t, dsn)
	defer func() { _ = db.Close() }()
	var version string
	if err := db.QueryRow("SELECT version()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("container ready after %s: %s\n", time.Since(began).Round(time.Millisecond), version)
}
