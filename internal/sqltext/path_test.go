package sqltext

import "testing"

func TestRepaths(t *testing.T) {
	for query, want := range map[string]bool{
		"SET search_path TO public":                                       true,
		"set local search_path = a":                                       true,
		`SET/**/SESSION "search_path" = a`:                                true,
		"SET -- x\nSCHEMA 'a'":                                            true,
		"ALTER TABLE t SET SCHEMA a":                                      true,
		"SET SCHEMA'a'":                                                   true,
		"SET /* /* */ */ SCHEMA 'a'":                                      true,
		"SET --x\rSCHEMA 'a'":                                             true,
		`SELECT U&"\0073et_config"('search_path', 'a', true)`:             true,
		"UPDATE documents SET schema = 'a', schema_name = 'b'":            false,
		"RESET search_path":                                               true,
		"SELECT 1; reset all":                                             true,
		"DISCARD ALL":                                                     true,
		"SELECT set_config('search_path', 'a', true)":                     true,
		"SELECT set_config($1, $2, true)":                                 true,
		`SELECT "set_config"(E'search\x5fpath', 'a', true)`:               true,
		"SELECT set_config('app.x', set_config($1, 'a', true), t)":        true,
		"UPDATE pg_settings SET setting = 'a' WHERE name = 'search_path'": true,
		"DO $$ BEGIN EXECUTE 'SET search_path TO a'; END $$":              true,
		"SELECT set_config('app.x', '1', true)":                           false,
		"SET LOCAL app.x = '1'":                                           false,
		"SET LOCAL lock_timeout = 100":                                    false,
		"SHOW search_path":                                                false,
		"SELECT current_setting('search_path')":                           false,
		"UPDATE users SET name = 'x' OFFSET 1":                            false,
		"SELECT name FROM users":                                          false,
	} {
		if got := Repaths(query); got != want {
			t.Errorf("Repaths(%q) = %t", query, got)
		}
	}
}

func TestConfigures(t *testing.T) {
	for query, want := range map[string]bool{
		"SELECT * FROM a WHERE Set_Config($1, 'b', true) <> ''":        true,
		"SELECT * FROM a WHERE set_config('app.x', $1, true) = $1":     false,
		`SELECT * FROM a WHERE u&"\0073et_config"($1, $2, true) <> ''`: true,
		"SELECT * FROM a WHERE name = 'set'":                           false,
	} {
		if got := Configures(query); got != want {
			t.Errorf("Configures(%q) = %t", query, got)
		}
	}
}
