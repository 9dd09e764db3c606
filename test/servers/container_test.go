package servers

import (
	"database/sql"
	"fmt"
	"testing"
	"time"
)

// TestContainer takes the way of those who have an engine for containers and no server.
func TestContainer(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: starting a container takes a while, and -short is set")
	}
	for _, c := range []struct {
		name  string
		start func() (string, error)
		open  func(testing.TB, string) *sql.DB
	}{
		{"postgres", postgresContainer, openPostgres},
		{"mysql", mysqlContainer, openMySQL},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			dsn, err := c.start()
			if err != nil {
				t.Skipf("skipped: no container: %v", err)
			}
			defer func() {
				if err := Close(); err != nil {
					t.Error(err)
				}
			}()
			db := c.open(t, dsn)
			defer func() { _ = db.Close() }()
			var version string
			if err := db.QueryRow("SELECT version()").Scan(&version); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("container ready after %s: %s\n", time.Since(began).Round(time.Millisecond), version)
		})
	}
}
