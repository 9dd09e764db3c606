package servers

import (
	"testing"
)

// TestSecond starts a second server of each kind, stops it and starts it again.
func TestSecond(t *testing.T) {
	for name, begin := range map[string]func(testing.TB) *Second{"postgres": NewSecondPostgres, "mysql": NewSecondMySQL} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.Stop(t)
			if s.ping() == nil {
				t.Error("it answers after it was stopped")
			}
			s.Start(t)
		})
	}
}
