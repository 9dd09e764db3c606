package sqltext

import "testing"

func TestOneTable(t *testing.T) {
	for query, want := range map[string]bool{
		`SELECT * FROM "t"."users" AS "users" WHERE id = $1`:                true,
		`SELECT count(*) FROM users`:                                        true,
		`UPDATE "t"."users" AS "users" SET n = n + 1`:                       true,
		`DELETE FROM "t"."users" AS "users" WHERE a = $1`:                   true,
		`INSERT INTO "t"."users" AS "users" (a) VALUES ($1)`:                true,
		`SELECT * FROM a WHERE id IN (SELECT id FROM b)`:                    false,
		`UPDATE a SET n = (SELECT max(n) FROM b)`:                           false,
		`UPDATE a SET n = 1 FROM b`:                                         false,
		`INSERT INTO a (n) VALUES ((SELECT 1))`:                             false,
		`DELETE FROM a WHERE EXISTS (SELECT 1)`:                             false,
		`WITH b AS (DELETE FROM c) SELECT 1`:                                false,
		`SELECT * FROM a WHERE id IN (sElEcT id)`:                           false,
		`DELETE FROM a WHERE EXISTS (TABLE b)`:                              false,
		`SELECT * FROM a, LATERAL (VALUES (1)) v JOIN b ON true`:            false,
		`SELECT * FROM a WHERE note = 'from'`:                               false,
		`SELECT * FROM a NATURAL/**/JOIN b`:                                 false,
		`SELECT * FROM a WHERE x IN (WITH b AS (SELECT 1) SELECT * FROM b)`: false,
		`SELECT EXTRACT(year FROM born) FROM a`:                             false,
	} {
		if got := OneTable(query); got != want {
			t.Errorf("%s: %v", query, got)
		}
	}
}
