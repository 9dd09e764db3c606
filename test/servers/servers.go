// Package servers finds database servers for tests: named by the environment, on the
// loopback's default port, or in a container. Where there is none, a test is skipped
// with the reason, or fails if TENANCY_TEST_REQUIRE names the server.
package servers

import (
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// missing skips or fails a test for which there is no server.
func missing(t testing.TB, name string, err error) {
	t.Helper()
	required := strings.Split(os.Getenv("TENANCY_TEST_REQUIRE"), ",")
	if slices.Contains(required, name) {
		t.Fatalf("TENANCY_TEST_REQUIRE names %s, and there is none: %v", name, err)
	}
	t.Skipf("skipped: no %s server: %v", name, err)
}

const (
	testPrefix = "tenancy_test_"
	// prefixLength is how much of a random name begins other names, which are to fit.
	prefixLength = 8
)

// randomName makes a name that no other run has, and by which leftovers are recognised.
func randomName() string {
	return testPrefix + strings.ToLower(rand.Text()[:16])
}

// attempt is one way to find a server.
type attempt struct {
	way  string
	find func() (string, error)
}

// first returns the first server that answers, and why the others did not.
func first(attempts ...attempt) (string, error) {
	var why []string
	for _, a := range attempts {
		dsn, err := a.find()
		if err == nil {
			return dsn, nil
		}
		why = append(why, fmt.Sprintf("%s: %v", a.way, err))
	}
	return "", fmt.Errorf("%s", strings.Join(why, "; "))
}
