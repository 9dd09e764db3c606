package sqltext

import "testing"

func TestControl(t *testing.T) {
	for query, want := range map[string]bool{
		"SAVEPOINT a":                        true,
		"savepoint sp0xc000123;":             true,
		"SAVEPOINT \"a b\" ; -- end":         true,
		"/* x */ RELEASE a":                  true,
		"RELEASE SAVEPOINT a":                true,
		"ROLLBACK TO a":                      true,
		"ROLLBACK TO SAVEPOINT a":            true,
		"rollback to savepoint `a`;":         true,
		"":                                   false,
		"SAVEPOINT":                          false,
		"SAVEPOINT 'a'":                      false,
		"SAVEPOINT a b":                      false,
		"SAVEPOINT a; DROP TABLE users":      false,
		"SAVEPOINT a;\x00DROP":               false,
		"SAVEPOINT a /* x":                   false,
		"RELEASE":                            false,
		"RELEASE SAVEPOINT":                  false,
		"ROLLBACK":                           false,
		"ROLLBACK TO":                        false,
		"ROLLBACK AND CHAIN":                 false,
		"BEGIN":                              false,
		"COMMIT":                             false,
		"SELECT 1":                           false,
		"SAVEPOINT a.b":                      false,
		"ROLLBACK TO a; ROLLBACK":            false,
		"\"SAVEPOINT\" a":                    false,
		"SAVEPOINTa":                         false,
		"ROLLBACK TO SAVEPOINT a SELECT * x": false,
	} {
		if got := Control(query); got != want {
			t.Errorf("Control(%q) = %v", query, got)
		}
	}
}

func TestBalanced(t *testing.T) {
	for fragment, want := range map[string]bool{
		"":                            true,
		"1=1":                         true,
		"name = ? AND (a OR b)":       true,
		"a IN (SELECT (1))":           true,
		"a = ')' AND \"(\" = `)`":     true,
		"a[1] = ARRAY[(1),(2)]":       true,
		"a = 'it''s'":                 true,
		"a = $$x y$$":                 true,
		"1=1) OR (1=1":                false,
		"(1=1":                        false,
		"1=1)":                        false,
		"a = 'x":                      false,
		"a = \"x":                     false,
		"a = `x":                      false,
		"a = 1 -- x":                  false,
		"a = 1 --":                    false,
		"a = 1 /* x */":               false,
		"a = 1 /* x":                  false,
		"a = 1; DROP TABLE users":     false,
		"a = 1;":                      false,
		"a = 1 # x":                   false,
		"a = 'x\\' OR 1=1 -- '":       false,
		"a = 'x\x00'":                 false,
		"a[(1]) = 2":                  false,
		"a = ([1)]":                   false,
		"a]":                          false,
		"a[":                          false,
		"a = [b'] = ']":               false,
		"a = $$) OR (1=1$$":           false,
		"a = E'\\') OR (1=1) OR (\\'": false,
	} {
		if got := Balanced(fragment); got != want {
			t.Errorf("Balanced(%q) = %v", fragment, got)
		}
	}
}
