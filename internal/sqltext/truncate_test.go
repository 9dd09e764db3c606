package sqltext

import "testing"

func TestTruncates(t *testing.T) {
	for query, want := range map[string]bool{
		"TRUNCATE users":             true,
		"/* x */ truncate t, u":      true,
		"SELECT 1; Truncate TABLE t": true,
		"DELETE FROM users":          false,
		"":                           false,
		"trunc":                      false,
	} {
		if got := Truncates(query); got != want {
			t.Errorf("Truncates(%q) = %t", query, got)
		}
	}
}
