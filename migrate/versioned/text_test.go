package versioned

import "testing"

// TestLeaves: what leads out of a tenant's schema is found, and nothing else is.
func TestLeaves(t *testing.T) {
	p := &place{
		common: map[string]bool{"extensions": true}, shared: "public",
		isShared: func(table string) bool { return table == "plans" },
		others:   map[string]bool{"public": true, "acme_own": true, "extensions": true},
	}
	for query, out := range map[string]bool{
		"CREATE TABLE users (id int)":                                         false,
		"CREATE TABLE users (id extensions.citext, n int DEFAULT 1.5)":        false,
		"SELECT users.id, u.public.x FROM users":                              false,
		"-- public.users and search_path\nSELECT 1 /* public.users */":        false,
		"INSERT INTO notes VALUES ('public.users', 'schema')":                 false,
		"CREATE TABLE t (p int REFERENCES public.plans)":                      false,
		"SELECT * FROM a JOIN public.plans ON true":                           false,
		"SELECT 1 FROM pg_catalog.pg_class":                                   false,
		`CREATE TABLE t ("schema" text)`:                                      false,
		"CREATE TABLE public.users (id int)":                                  true,
		"CREATE TABLE Public . users (id int)":                                true,
		`CREATE TABLE "public"."users" (id int)`:                              true,
		"CREATE TABLE public/* */.users (id int)":                             true,
		"DROP TABLE public.plans":                                             true,
		"DELETE FROM public.plans":                                            true,
		"SELECT * FROM public.secrets":                                        true,
		"UPDATE tenant_acme.users SET n = 1":                                  true,
		"INSERT INTO acme_own.users VALUES (1)":                               true,
		"SET search_path TO public":                                           true,
		"SET LOCAL SEARCH_PATH = public":                                      true,
		`SET "search_path" = public`:                                          true,
		"SELECT pg_catalog.set_config('search_path', '', false)":              true,
		"ALTER TABLE users SET SCHEMA public":                                 true,
		"DROP SCHEMA tenant_acme CASCADE":                                     true,
		"SELECT E'it\\'s', 1; DROP TABLE public.users --'":                    true,
		"SELECT 'it''s'; DROP TABLE public.users":                             true,
		"DO $$ BEGIN DELETE FROM public.plans; END $$":                        true,
		"DO $x$ BEGIN EXECUTE 'SET search_path TO public'; END $x$":           true,
		"DO $x$ BEGIN EXECUTE 'DELETE FROM public.plans'; END $x$":            true,
		"CREATE FUNCTION f() RETURNS int AS $f$ SELECT 1 FROM acme_own.a $f$": true,
	} {
		if why := p.leaves(wordsOf(query)); (why != "") != out {
			t.Errorf("%s\n\tfound: %q", query, why)
		}
	}
}

// FuzzWords: any text is read to its end.
func FuzzWords(f *testing.F) {
	f.Add("SELECT 'a''b', E'\\'', \"x\" /* /* */ */ $a$ b $a$ -- +goose Up\n")
	f.Fuzz(func(_ *testing.T, src string) { wordsOf(src) })
}
