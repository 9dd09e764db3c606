package sqltext

import "testing"

// TestOutput: OUTPUT returns columns, and hides no table.
func TestOutput(t *testing.T) {
	tables := func(query string) (names []string, refused bool) {
		w := Rewriter{Quote: func(name string) string { return name }, Resolve: func(name string) (string, Resolution) {
			names = append(names, name)
			return name, Keep
		}}
		_, err := w.Rewrite(query)
		return names, err != nil
	}
	for query, want := range map[string]string{
		`INSERT INTO s.users (a) OUTPUT INSERTED.id, INSERTED."b" VALUES (1)`:                  "s.users",
		`INSERT INTO users (a) OUTPUT INSERTED.* SELECT a FROM orders`:                         "users orders",
		`DELETE FROM s.users OUTPUT DELETED.* WHERE a IN (SELECT a FROM orders)`:               "s.users orders",
		`DELETE FROM users OUTPUT DELETED.a, DELETED.b`:                                        "users",
		`DELETE FROM users output WHERE output.a = 1`:                                          "users",
		`UPDATE users SET a = (SELECT 1 FROM orders) OUTPUT "INSERTED"."id" WHERE b = 2`:       "users orders",
		`DELETE FROM users OUTPUT DELETED.a INTO orders WHERE a = 1`:                           "refused",
		`DELETE FROM users OUTPUT (SELECT a FROM orders) WHERE a = 1`:                          "users orders",
		`INSERT INTO users (a) OUTPUT INSERTED.id, (SELECT a FROM orders) VALUES (1)`:          "refused",
		`INSERT INTO users (a) OUTPUT INSERTED.id INTO orders VALUES (1)`:                      "refused",
		`INSERT INTO users (a) OUTPUT INSERTED.id FROM orders VALUES (1)`:                      "refused",
		`SELECT * FROM OPENROWSET('a', 'b', 'c')`:                                              "refused",
		`MERGE INTO users USING orders ON users.a = orders.a WHEN MATCHED THEN UPDATE SET a=1`: "refused",
	} {
		names, refused := tables(query)
		got := ""
		for i, name := range names {
			if i > 0 {
				got += " "
			}
			got += name
		}
		if refused {
			got = "refused"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// TestControlTransactSQL: savepoints of T-SQL control the transaction, and a ROLLBACK of the
// whole of it is not one.
func TestControlTransactSQL(t *testing.T) {
	for query, want := range map[string]bool{
		"SAVE TRANSACTION a": true, "save transaction [a];": true, "ROLLBACK TRANSACTION a": true,
		"ROLLBACK TRANSACTION": false, "ROLLBACK": false, "SAVE a": false, "SAVE TRANSACTION": false,
		"ROLLBACK TRANSACTION a; DELETE FROM users": false, "SAVE TRANSACTION a DELETE FROM users": false, "COMMIT TRANSACTION a": false,
	} {
		if Control(query) != want {
			t.Errorf("%s: %t", query, !want)
		}
	}
}
