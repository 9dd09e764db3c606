package sqltext

import "testing"

// TestScoped checks statements whose tables are all narrowed.
func TestScoped(t *testing.T) {
	for _, query := range []string{
		"SELECT 1",
		"SELECT * FROM plans",
		"SELECT * FROM users WHERE tenant_id = ?",
		"SELECT * FROM users WHERE users.tenant_id = ?",
		"SELECT * FROM users WHERE USERS.Tenant_ID = ?",
		"SELECT * FROM users WHERE tenant_id=$1",
		"SELECT * FROM users WHERE tenant_id = :tenant",
		"SELECT * FROM users WHERE tenant_id = @tenant;",
		`SELECT * FROM "users" WHERE "users"."tenant_id" = ? AND "users"."deleted_at" IS NULL`,
		"SELECT * FROM `users` WHERE a = 1 AND `users`.`tenant_id` = ? ORDER BY a LIMIT 1",
		"SELECT * FROM [users] WHERE [users].[tenant_id] = ? GROUP BY a",
		"SELECT * FROM users u WHERE u.tenant_id = ? FOR UPDATE",
		"SELECT * FROM users AS u WHERE (a = 1 OR b = 2) AND u.tenant_id = ?",
		"SELECT * FROM users WHERE a BETWEEN 1 AND 2 AND tenant_id = ? AND b BETWEEN 3 AND 4",
		"SELECT * FROM users WHERE CASE WHEN a OR b THEN 1 ELSE 0 END = 1 AND tenant_id = ?",
		"SELECT * FROM users WHERE NOT a = 1 AND tenant_id = ?",
		"SELECT * FROM users WHERE tenant_id = ? HAVING a = 1 OR b = 2",
		"SELECT * FROM users WHERE tenant_id = ? ORDER BY a OR b",
		"SELECT * FROM users WHERE tenant_id = ? LIMIT ? OFFSET ?",
		"SELECT * FROM users WHERE /* x */ tenant_id /* y */ = /* z */ ? -- end",
		"SELECT * FROM users WHERE end > ? AND start < ? AND tenant_id = ?",
		"SELECT a || b FROM users WHERE tenant_id = ?",
		"SELECT * FROM users JOIN plans ON plans.id = users.plan_id OR plans.free WHERE users.tenant_id = ?",
		"SELECT * FROM plans p LEFT JOIN users u ON u.plan_id = p.id AND u.tenant_id = ?",
		"SELECT * FROM users u JOIN orders o ON o.tenant_id = ? AND o.user_id = u.id WHERE u.tenant_id = ?",
		"SELECT * FROM users u, orders o WHERE u.tenant_id = ? AND o.tenant_id = ?",
		"SELECT * FROM users u JOIN orders o ON o.tenant_id = ?, items i WHERE u.tenant_id = ? AND i.tenant_id = ?",
		"SELECT * FROM plans RIGHT JOIN users ON 1=1 WHERE users.tenant_id = ?",
		"SELECT * FROM (users u JOIN orders o ON o.tenant_id = ?) WHERE u.tenant_id = ?",
		"SELECT * FROM users WHERE tenant_id = ? AND id IN (SELECT user_id FROM orders WHERE tenant_id = ?)",
		"SELECT * FROM users WHERE tenant_id = ? UNION SELECT * FROM orders WHERE tenant_id = ? EXCEPT SELECT 1",
		"(SELECT * FROM users WHERE tenant_id = ?) UNION (SELECT * FROM orders WHERE tenant_id = ?)",
		"SELECT count(*) FROM (SELECT * FROM users WHERE tenant_id = ?) x",
		"SELECT (SELECT max(a) FROM orders WHERE tenant_id = ?)",
		"SELECT * FROM users, json_each(users.tags) j WHERE users.tenant_id = ?",
		"WITH x AS (SELECT * FROM users WHERE tenant_id = ?) SELECT * FROM x",
		"WITH x AS (DELETE FROM users WHERE tenant_id = ? RETURNING *) SELECT * FROM x",
		"UPDATE users SET a = 1, tenant_id = ? WHERE users.tenant_id = ? AND a = 2",
		"UPDATE users SET a = 1 WHERE tenant_id = ? RETURNING a, b",
		"UPDATE users SET a = o.a FROM orders o WHERE o.tenant_id = ? AND users.tenant_id = ?",
		"DELETE FROM users WHERE tenant_id = ?",
		"DELETE FROM users USING orders o WHERE o.tenant_id = ? AND users.tenant_id = ?",
		"INSERT INTO users (a, tenant_id) VALUES (1, 2)",
		"INSERT INTO users (a) SELECT a FROM orders WHERE tenant_id = ? ON CONFLICT DO NOTHING",
		"INSERT INTO users (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2 WHERE users.a = 3 OR 1=1",
		"INSERT INTO users (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = (SELECT b FROM orders WHERE tenant_id = ?)",
		"SELECT * FROM main.plans",
		"EXPLAIN QUERY PLAN SELECT * FROM users WHERE tenant_id = ?",
		"SAVEPOINT sp1",
		"ROLLBACK TO sp1",
	} {
		if err := Scoped(query, "tenant_id", ownedName, nil); err != nil {
			t.Errorf("%s\n refused: %v", query, err)
		}
	}
}

// TestScopedRefuses checks statements that reach rows of other tenants, or
// might.
func TestScopedRefuses(t *testing.T) {
	const open = "not narrowed"
	for _, tt := range []struct{ in, reason string }{
		{"SELECT * FROM users", open},
		{"SELECT * FROM users WHERE id = ?", open},
		{"SELECT * FROM users WHERE tenant_id = 5", open},
		{"SELECT * FROM users WHERE tenant_id = tenant_id", open},
		{"SELECT * FROM users WHERE tenant_id <> ?", open},
		{"SELECT * FROM users WHERE tenant_id >= ?", open},
		{"SELECT * FROM users WHERE tenant_id = ? + 1", open},
		{"SELECT * FROM users WHERE tenant_id = ? IS NOT NULL", open},
		{"SELECT * FROM users WHERE tenant_id = ?::int", open},
		{"SELECT * FROM users WHERE 1 = tenant_id = ?", open},
		{"SELECT * FROM users WHERE x.tenant_id = ?", open},
		{"SELECT * FROM users u WHERE users.tenant_id = ?", open},
		{"SELECT * FROM users WHERE main.users.tenant_id = ?", open},
		{"SELECT * FROM users WHERE tenant_id = ? OR 1 = 1", open},
		{"SELECT * FROM users WHERE 1 = 1 OR tenant_id = ?", open},
		{"SELECT * FROM users WHERE a OR b AND tenant_id = ?", open},
		{"SELECT * FROM users WHERE tenant_id = ? AND a XOR b", open},
		{"SELECT * FROM users WHERE tenant_id = ? AND a || b", open},
		{"SELECT * FROM users WHERE tenant_id = ? && a", open},
		{"SELECT * FROM users WHERE a && tenant_id = ?", open},
		{"SELECT * FROM users WHERE NOT tenant_id = ?", open},
		{"SELECT * FROM users WHERE a = 1 AND NOT tenant_id = ?", open},
		{"SELECT * FROM users WHERE (tenant_id = ?)", open},
		{"SELECT * FROM users WHERE (tenant_id = ? OR 1=1)", open},
		{"SELECT * FROM users WHERE f(tenant_id = ?)", open},
		{"SELECT * FROM users WHERE a BETWEEN 1 AND tenant_id = ?", open},
		{"SELECT * FROM users WHERE CASE WHEN a AND tenant_id = ? AND b THEN 1 ELSE 1 END", open},
		{"SELECT * FROM users WHERE CASE WHEN a = end AND tenant_id = ? AND 1 THEN 1 ELSE 1 END", "case"},
		{"SELECT * FROM users WHERE CASE WHEN a THEN b + end AND tenant_id = ? AND 1 END", "case"},
		{"SELECT * FROM users WHERE 'tenant_id = ?' = ''", open},
		{"SELECT * FROM users WHERE a = 1 /* AND tenant_id = ? */", open},
		{"SELECT * FROM users WHERE a = 1 -- AND tenant_id = ?", open},
		{"SELECT * FROM users WHERE a = ARRAY[1 AND tenant_id = ? AND 2]", open},
		{"SELECT * FROM users HAVING tenant_id = ?", open},
		{"SELECT * FROM users GROUP BY tenant_id HAVING 1 AND tenant_id = ? AND 1", open},
		{"SELECT tenant_id = ? FROM users", open},
		{"SELECT count(*) FILTER (WHERE tenant_id = ?) FROM users", open},
		{"SELECT * FROM users WHERE a = 1 LIMIT 1 AND tenant_id = ? AND 1", open},
		{"SELECT * FROM users WHERE tenant_id = ? AND offset = 1 OR 1 = 1", open},
		{"SELECT * FROM users u, orders o WHERE tenant_id = ?", open},
		{"SELECT * FROM users u, orders o WHERE u.tenant_id = ?", open},
		{"SELECT * FROM users u, orders o WHERE u.tenant_id = o.tenant_id AND u.tenant_id = ?", open},
		{"SELECT * FROM users, json_each('[]') WHERE tenant_id = ?", open},
		{"SELECT * FROM users u JOIN orders o ON o.tenant_id = ?", open},
		{"SELECT * FROM users u LEFT JOIN orders o ON u.tenant_id = ? AND o.tenant_id = ?", open},
		{"SELECT * FROM plans p LEFT JOIN users u ON u.tenant_id = ? OR p.a", open},
		{"SELECT * FROM plans p RIGHT JOIN users u ON u.tenant_id = ?", open},
		{"SELECT * FROM plans p FULL OUTER JOIN users u ON u.tenant_id = ?", open},
		{"SELECT * FROM plans a RIGHT JOIN plans b LEFT JOIN users c ON 1=1 ON c.tenant_id = ?", open},
		{"SELECT * FROM plans p JOIN users u USING (tenant_id)", open},
		{"SELECT * FROM users WHERE tenant_id = ? AND id IN (SELECT user_id FROM orders)", open},
		{"SELECT * FROM users WHERE id IN (SELECT user_id FROM orders WHERE tenant_id = ?)", open},
		{"SELECT * FROM users u WHERE u.tenant_id = ? AND EXISTS (SELECT 1 FROM orders o WHERE u.tenant_id = ?)", open},
		{"SELECT * FROM (SELECT * FROM users) u WHERE u.tenant_id = ?", open},
		{"SELECT * FROM users WHERE tenant_id = ? UNION SELECT * FROM users", open},
		{"SELECT * FROM users UNION SELECT * FROM users WHERE tenant_id = ?", open},
		{"SELECT (SELECT max(a) FROM orders) FROM users WHERE tenant_id = ?", open},
		{"SELECT * FROM plans ORDER BY (SELECT a FROM users)", open},
		{"SELECT * FROM plans JOIN plans p ON p.id IN (SELECT id FROM users)", open},
		{"WITH x AS (SELECT * FROM users) SELECT * FROM x WHERE tenant_id = ?", open},
		{"WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x", open},
		{"INSERT INTO users (a) SELECT a FROM orders", open},
		{"INSERT INTO plans (a) VALUES ((SELECT a FROM orders))", open},
		{"INSERT INTO users (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = (SELECT b FROM orders)", open},
		{"INSERT INTO users (a) VALUES (1) RETURNING (SELECT a FROM orders)", open},
		{"UPDATE users SET a = 1", open},
		{"UPDATE users SET tenant_id = ?", open},
		{"UPDATE users SET a = o.a FROM orders o WHERE users.tenant_id = ?", open},
		{"UPDATE users SET a = 1 WHERE a = 1 RETURNING a AND tenant_id = ? AND a", open},
		{"DELETE FROM users", open},
		{"DELETE FROM users USING orders o WHERE users.tenant_id = ?", open},
		{"SELECT * FROM users AS u (a, tenant_id) WHERE u.tenant_id = ?", "renamed columns"},
		{"SELECT * FROM users u JOIN plans u ON 1=1 WHERE u.tenant_id = ?", "alias used twice"},
		{"SELECT * FROM users u, (SELECT 1 AS tenant_id) u WHERE u.tenant_id = ?", "alias used twice"},
		{"SELECT * FROM strangers WHERE tenant_id = ?", "unknown table"},
		{"SELECT * FROM other.users WHERE tenant_id = ?", "unknown table"},
		{"INSERT INTO strangers VALUES (1)", "unknown table"},
		{"SELECT * FROM users('x') WHERE tenant_id = ?", "table used as a function"},
		{"SELECT * FROM dblink('x') WHERE tenant_id = ?", "function"},
		{"SELECT load_file('x') FROM users WHERE tenant_id = ?", "function"},
		{"WITH users AS (SELECT 1) SELECT * FROM users", "named like a table"},
		{"SELECT * FROM users WHERE tenant_id = ?; DELETE FROM users", "several"},
		{"SELECT * FROM users WHERE tenant_id = ? AND (@x := tenant_id)", "assignment"},
		{"DROP TABLE users", "drop"},
		{"ROLLBACK", "rollback"},
		{"SELECT * FROM users WHERE tenant_id = ? AND a IN orders", "in without"},
		{"SELECT * FROM users WHERE tenant_id = ?) OR (1 = 1", "not understood"},
	} {
		wantRefusal(t, tt.in, Scoped(tt.in, "tenant_id", ownedName, nil), tt.reason)
	}
}

func TestScopedWithoutColumn(t *testing.T) {
	wantRefusal(t, "SELECT 1", Scoped("SELECT 1", "", ownedName, nil), "missing")
	wantRefusal(t, "SELECT 1", Scoped("SELECT 1", "tenant_id", nil, nil), "missing")
}

func TestScopedArguments(t *testing.T) {
	second := func(argument int) bool { return argument == 1 }
	for _, tt := range []struct {
		in   string
		want bool
	}{
		{"SELECT * FROM users WHERE name = ? AND tenant_id = ?", true},
		{"SELECT * FROM users WHERE tenant_id = ? AND name = ?", false},
		{"SELECT * FROM users WHERE name = '?' AND (age > ?) AND tenant_id = ?", true},
		{"SELECT * FROM users WHERE tenant_id = $2 AND name = $1", true},
		{"SELECT * FROM users WHERE name = $2 AND tenant_id = $1", false},
		{"SELECT * FROM users WHERE name = ? AND tenant_id = :tenant", false},
		{"SELECT (SELECT id FROM orders WHERE tenant_id = ?) FROM users WHERE tenant_id = ?", false},
	} {
		if err := Scoped(tt.in, "tenant_id", ownedName, second); (err == nil) != tt.want {
			t.Errorf("Scoped(%q) = %v", tt.in, err)
		}
	}
}
