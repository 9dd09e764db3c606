package sqltext

import "testing"

// TestRewrite checks the exact text of statements that are understood. An
// empty want stands for the same text.
func TestRewrite(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "SELECT * FROM users", "SELECT * FROM [users]"},
		{"lower case keyword", "select * from users where users.id = 1", "select * from [users] where users.id = 1"},
		{"quoted", `SELECT * FROM "users" WHERE "users"."id" = ?`, `SELECT * FROM [users] WHERE "users"."id" = ?`},
		{"backquoted", "SELECT * FROM `users`", "SELECT * FROM [users]"},
		{"alias with as", "SELECT u.id FROM users AS u", "SELECT u.id FROM [users!] AS u"},
		{"bare alias", "SELECT u.id FROM users u WHERE u.id = 1", "SELECT u.id FROM [users!] u WHERE u.id = 1"},
		{"quoted alias", `SELECT 1 FROM users "u"`, `SELECT 1 FROM [users!] "u"`},
		{"shared", "SELECT * FROM plans", ""},
		{"shared and renamed", "SELECT * FROM plans, users", "SELECT * FROM plans, [users]"},
		{"join", "SELECT * FROM users JOIN orders ON orders.user_id = users.id", "SELECT * FROM [users] JOIN [orders] ON orders.user_id = users.id"},
		{
			"joins", "SELECT * FROM users u LEFT OUTER JOIN orders o ON o.user_id = u.id INNER JOIN items ON 1=1 CROSS JOIN plans",
			"SELECT * FROM [users!] u LEFT OUTER JOIN [orders!] o ON o.user_id = u.id INNER JOIN [items] ON 1=1 CROSS JOIN plans",
		},
		{"natural join", "SELECT * FROM users NATURAL LEFT JOIN orders", "SELECT * FROM [users] NATURAL LEFT JOIN [orders]"},
		{"straight join", "SELECT STRAIGHT_JOIN * FROM users STRAIGHT_JOIN orders ON 1=1", "SELECT STRAIGHT_JOIN * FROM [users] STRAIGHT_JOIN [orders] ON 1=1"},
		{"join using", "SELECT * FROM users JOIN orders USING (id, tenant_id) WHERE 1", "SELECT * FROM [users] JOIN [orders] USING (id, tenant_id) WHERE 1"},
		{"comma", "SELECT * FROM users, orders AS o, items", "SELECT * FROM [users], [orders!] AS o, [items]"},
		{"comma after join", "SELECT * FROM users a JOIN orders b ON a.x=b.x, items", "SELECT * FROM [users!] a JOIN [orders!] b ON a.x=b.x, [items]"},
		{"left as a function", "SELECT * FROM users JOIN orders ON LEFT(users.a, 2) = RIGHT(orders.b, 2), items", "SELECT * FROM [users] JOIN [orders] ON LEFT(users.a, 2) = RIGHT(orders.b, 2), [items]"},
		{"nested joins", "SELECT * FROM (users JOIN (orders JOIN items ON 1=1) ON 2=2)", "SELECT * FROM ([users] JOIN ([orders] JOIN [items] ON 1=1) ON 2=2)"},
		{"subquery in from", "SELECT * FROM (SELECT * FROM users) AS u", "SELECT * FROM (SELECT * FROM [users]) AS u"},
		{"subquery twice in parentheses", "SELECT * FROM ((SELECT id FROM users)) x", "SELECT * FROM ((SELECT id FROM [users])) x"},
		{"union in from", "SELECT * FROM ((SELECT id FROM users) UNION (SELECT id FROM orders)) x", "SELECT * FROM ((SELECT id FROM [users]) UNION (SELECT id FROM [orders])) x"},
		{"subquery joined", "SELECT * FROM ((SELECT id FROM users) a JOIN orders ON 1=1)", "SELECT * FROM ((SELECT id FROM [users]) a JOIN [orders] ON 1=1)"},
		{"subquery in where", "SELECT * FROM users WHERE id IN (SELECT user_id FROM orders WHERE total > ?)", "SELECT * FROM [users] WHERE id IN (SELECT user_id FROM [orders] WHERE total > ?)"},
		{"exists", "SELECT 1 FROM users WHERE NOT EXISTS(SELECT 1 FROM orders o WHERE o.user_id = users.id)", "SELECT 1 FROM [users] WHERE NOT EXISTS(SELECT 1 FROM [orders!] o WHERE o.user_id = users.id)"},
		{"scalar subquery", "SELECT (SELECT count(*) FROM orders) + 1 AS n FROM users", "SELECT (SELECT count(*) FROM [orders]) + 1 AS n FROM [users]"},
		{"subquery in nested parentheses", "SELECT ((SELECT max(id) FROM users) + (1))", "SELECT ((SELECT max(id) FROM [users]) + (1))"},
		{"subquery in case", "SELECT CASE WHEN 1 IN (SELECT id FROM users) THEN 1 ELSE 2 END FROM orders", "SELECT CASE WHEN 1 IN (SELECT id FROM [users]) THEN 1 ELSE 2 END FROM [orders]"},
		{"union", "SELECT id FROM users UNION ALL SELECT id FROM orders ORDER BY 1", "SELECT id FROM [users] UNION ALL SELECT id FROM [orders] ORDER BY 1"},
		{"parentheses first", "(SELECT id FROM users) UNION (SELECT id FROM orders LIMIT 1) ORDER BY id", "(SELECT id FROM [users]) UNION (SELECT id FROM [orders] LIMIT 1) ORDER BY id"},
		{"intersect and except", "SELECT 1 FROM users INTERSECT SELECT 1 FROM orders EXCEPT SELECT 1 FROM items", "SELECT 1 FROM [users] INTERSECT SELECT 1 FROM [orders] EXCEPT SELECT 1 FROM [items]"},
		{"tail", "SELECT a FROM users GROUP BY a HAVING count(*) > 1 OR 1=1 ORDER BY a DESC, b LIMIT 5 OFFSET 6", "SELECT a FROM [users] GROUP BY a HAVING count(*) > 1 OR 1=1 ORDER BY a DESC, b LIMIT 5 OFFSET 6"},
		{"limit with comma", "SELECT a FROM users LIMIT 5, 6", "SELECT a FROM [users] LIMIT 5, 6"},
		{"fetch", "SELECT a FROM users OFFSET 2 ROWS FETCH FIRST 3 ROWS WITH TIES", "SELECT a FROM [users] OFFSET 2 ROWS FETCH FIRST 3 ROWS WITH TIES"},
		{"for update", "SELECT * FROM users FOR UPDATE", "SELECT * FROM [users] FOR UPDATE"},
		{"for update of", "SELECT * FROM users, orders FOR NO KEY UPDATE OF users, orders SKIP LOCKED", "SELECT * FROM [users], [orders] FOR NO KEY UPDATE OF users, orders SKIP LOCKED"},
		{"for share", "SELECT * FROM users u WHERE u.id=1 FOR SHARE NOWAIT", "SELECT * FROM [users!] u WHERE u.id=1 FOR SHARE NOWAIT"},
		{"lock", "SELECT * FROM users LOCK IN SHARE MODE", "SELECT * FROM [users] LOCK IN SHARE MODE"},
		{
			"window", "SELECT sum(a) OVER w, rank() OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM users WINDOW w AS (PARTITION BY b)",
			"SELECT sum(a) OVER w, rank() OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM [users] WINDOW w AS (PARTITION BY b)",
		},
		{"filter", "SELECT count(*) FILTER (WHERE a > 1) FROM users", "SELECT count(*) FILTER (WHERE a > 1) FROM [users]"},
		{"within group", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM users", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM [users]"},
		{"distinct from", "SELECT * FROM users WHERE a IS NOT DISTINCT FROM orders AND b IS DISTINCT FROM c", "SELECT * FROM [users] WHERE a IS NOT DISTINCT FROM orders AND b IS DISTINCT FROM c"},
		{"distinct on", "SELECT DISTINCT ON (a, b) a FROM users", "SELECT DISTINCT ON (a, b) a FROM [users]"},
		{"extract", "SELECT EXTRACT(year FROM users.created) FROM users", "SELECT EXTRACT(year FROM users.created) FROM [users]"},
		{"substring", "SELECT substring(a FROM 2 FOR 3), trim(BOTH 'x' FROM b), overlay(a PLACING 'x' FROM 2) FROM users", "SELECT substring(a FROM 2 FOR 3), trim(BOTH 'x' FROM b), overlay(a PLACING 'x' FROM 2) FROM [users]"},
		{"position", "SELECT position('a' IN name) FROM users", "SELECT position('a' IN name) FROM [users]"},
		{"against", "SELECT * FROM users WHERE MATCH (a) AGAINST ('x' IN BOOLEAN MODE)", "SELECT * FROM [users] WHERE MATCH (a) AGAINST ('x' IN BOOLEAN MODE)"},
		{"in placeholder", "SELECT * FROM users WHERE id IN ? AND id NOT IN (?,?)", "SELECT * FROM [users] WHERE id IN ? AND id NOT IN (?,?)"},
		{"cast", "SELECT a::text, $1::int, :name, @name FROM users WHERE b = :b::int", "SELECT a::text, $1::int, :name, @name FROM [users] WHERE b = :b::int"},
		{"array", "SELECT ARRAY[1,2], a[1], b[1:2], ARRAY['x','y']::text[] FROM users", "SELECT ARRAY[1,2], a[1], b[1:2], ARRAY['x','y']::text[] FROM [users]"},
		{"array subquery", "SELECT ARRAY[(SELECT id FROM orders)] FROM users", "SELECT ARRAY[(SELECT id FROM [orders])] FROM [users]"},
		{"timestamp", "SELECT CAST(a AS timestamp with time zone) FROM users", "SELECT CAST(a AS timestamp with time zone) FROM [users]"},
		{"rollup", "SELECT a FROM users GROUP BY a WITH ROLLUP", "SELECT a FROM [users] GROUP BY a WITH ROLLUP"},
		{"keyword as alias of a column", "SELECT a AS offset, b AS from, c AS left FROM users", "SELECT a AS offset, b AS from, c AS left FROM [users]"},
		{"keyword as column", "SELECT users.order, users.values, users.from FROM users", "SELECT users.order, users.values, users.from FROM [users]"},
		{"group concat", "SELECT group_concat(a ORDER BY b SEPARATOR ',') FROM users", "SELECT group_concat(a ORDER BY b SEPARATOR ',') FROM [users]"},

		{"string", "SELECT 'from orders', 'it''s', ' -- ', '/*' FROM users", "SELECT 'from orders', 'it''s', ' -- ', '/*' FROM [users]"},
		{"escape string", `SELECT E'a\\b\n' FROM users`, `SELECT E'a\\b\n' FROM [users]`},
		{"dollar string", "SELECT $$plain text$$, $t$a 1$t$ FROM users", "SELECT $$plain text$$, $t$a 1$t$ FROM [users]"},
		{"comments", "SELECT /* from orders */ * -- from orders\nFROM users -- end", "SELECT /* from orders */ * -- from orders\nFROM [users] -- end"},
		{"comment between", "SELECT * FROM/**/users/* a */u", "SELECT * FROM/**/[users!]/* a */u"},
		{"semicolon", "SELECT * FROM users ; -- done", "SELECT * FROM [users] ; -- done"},
		{"number", "SELECT 1, 1.5, .5, 1., 1e9, 1.5E-3, 0x1F FROM users", "SELECT 1, 1.5, .5, 1., 1e9, 1.5E-3, 0x1F FROM [users]"},

		{"insert", "INSERT INTO users (a,b) VALUES (?,?)", "INSERT INTO [users!] (a,b) VALUES (?,?)"},
		{"insert without space", `INSERT INTO "users"("a") VALUES (1) RETURNING "id"`, `INSERT INTO [users!]("a") VALUES (1) RETURNING "id"`},
		{"insert or replace", "INSERT OR REPLACE INTO users VALUES (1)", "INSERT OR REPLACE INTO [users!] VALUES (1)"},
		{"insert ignore", "INSERT IGNORE INTO users VALUE (1)", "INSERT IGNORE INTO [users!] VALUE (1)"},
		{"replace", "REPLACE INTO users SET a = REPLACE(b, 'x', 'y')", "REPLACE INTO [users!] SET a = REPLACE(b, 'x', 'y')"},
		{"insert default values", "INSERT INTO users DEFAULT VALUES", "INSERT INTO [users!] DEFAULT VALUES"},
		{"insert overriding", "INSERT INTO users (a) OVERRIDING SYSTEM VALUE VALUES (1)", "INSERT INTO [users!] (a) OVERRIDING SYSTEM VALUE VALUES (1)"},
		{"insert select", "INSERT INTO users (a) SELECT b FROM orders", "INSERT INTO [users!] (a) SELECT b FROM [orders]"},
		{"insert select in parentheses", "INSERT INTO users (SELECT b FROM orders)", "INSERT INTO [users!] (SELECT b FROM [orders])"},
		{"insert with", "INSERT INTO users (a) WITH x AS (SELECT b FROM orders) SELECT b FROM x", "INSERT INTO [users!] (a) WITH x AS (SELECT b FROM [orders]) SELECT b FROM x"},
		{
			"insert on conflict", "INSERT INTO users (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a, n = users.n + 1 WHERE users.a > 1 RETURNING id",
			"INSERT INTO [users] (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a, n = users.n + 1 WHERE users.a > 1 RETURNING id",
		},
		{"insert on conflict where", "INSERT INTO users (a) VALUES (1) ON CONFLICT (a) WHERE b IS NULL DO NOTHING", "INSERT INTO [users] (a) VALUES (1) ON CONFLICT (a) WHERE b IS NULL DO NOTHING"},
		{"insert on constraint", "INSERT INTO users (a) VALUES (1) ON CONFLICT ON CONSTRAINT uq DO NOTHING", "INSERT INTO [users] (a) VALUES (1) ON CONFLICT ON CONSTRAINT uq DO NOTHING"},
		{"insert select on conflict", "INSERT INTO users (a) SELECT b FROM orders WHERE true ON CONFLICT DO NOTHING", "INSERT INTO [users] (a) SELECT b FROM [orders] WHERE true ON CONFLICT DO NOTHING"},
		{"insert subquery in conflict", "INSERT INTO users (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = (SELECT b FROM orders)", "INSERT INTO [users] (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = (SELECT b FROM [orders])"},
		{"insert alias", "INSERT INTO users AS u (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = u.a", "INSERT INTO [users!] AS u (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = u.a"},
		{"insert duplicate key", "INSERT INTO users (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a)", "INSERT INTO [users!] (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a)"},

		{"update", "UPDATE users SET a = 1 WHERE users.id = 2", "UPDATE [users] SET a = 1 WHERE users.id = 2"},
		{"update alias", "UPDATE users AS u SET a = 1", "UPDATE [users!] AS u SET a = 1"},
		{"update bare alias", "UPDATE users u SET a = 1", "UPDATE [users!] u SET a = 1"},
		{"update or", "UPDATE OR IGNORE users SET a = 1", "UPDATE OR IGNORE [users] SET a = 1"},
		{"update only", "UPDATE ONLY users SET a = 1", "UPDATE ONLY [users] SET a = 1"},
		{"update from", "UPDATE users SET a = o.a FROM orders o, items WHERE o.id = users.id RETURNING users.id, a", "UPDATE [users] SET a = o.a FROM [orders!] o, [items] WHERE o.id = users.id RETURNING users.id, a"},
		{"update join", "UPDATE users u JOIN orders o ON o.id = u.id SET u.a = o.a", "UPDATE [users!] u JOIN [orders!] o ON o.id = u.id SET u.a = o.a"},
		{"update subquery", "UPDATE users SET a = (SELECT max(b) FROM orders), b = DEFAULT", "UPDATE [users] SET a = (SELECT max(b) FROM [orders]), b = DEFAULT"},
		{"delete", "DELETE FROM users WHERE id = 1", "DELETE FROM [users] WHERE id = 1"},
		{"delete only", "DELETE FROM ONLY users WHERE id = 1", "DELETE FROM ONLY [users] WHERE id = 1"},
		{"delete using", "DELETE FROM users USING orders o WHERE o.id = users.id RETURNING *", "DELETE FROM [users] USING [orders!] o WHERE o.id = users.id RETURNING *"},
		{"delete of several", "DELETE u, o.* FROM users u JOIN orders o ON 1=1", "DELETE u, o.* FROM [users!] u JOIN [orders!] o ON 1=1"},
		{"delete ordered", "DELETE FROM users WHERE a = 1 ORDER BY b LIMIT 2", "DELETE FROM [users] WHERE a = 1 ORDER BY b LIMIT 2"},
		{"values", "VALUES (1), ((SELECT id FROM users))", "VALUES (1), ((SELECT id FROM [users]))"},
		{"values in from", "SELECT * FROM (VALUES (1),(2)) AS v(a)", ""},

		{"with", "WITH recent AS (SELECT * FROM orders) SELECT * FROM recent JOIN users ON 1=1", "WITH recent AS (SELECT * FROM [orders]) SELECT * FROM recent JOIN [users] ON 1=1"},
		{"with several", "WITH a AS (SELECT 1 FROM users), b (x, y) AS NOT MATERIALIZED (SELECT 2 FROM a) SELECT * FROM a, b", "WITH a AS (SELECT 1 FROM [users]), b (x, y) AS NOT MATERIALIZED (SELECT 2 FROM a) SELECT * FROM a, b"},
		{
			"with recursive", "WITH RECURSIVE tree(id) AS (SELECT id FROM users UNION ALL SELECT u.id FROM users u JOIN tree ON u.parent = tree.id) SELECT * FROM tree t",
			"WITH RECURSIVE tree(id) AS (SELECT id FROM [users] UNION ALL SELECT u.id FROM [users!] u JOIN tree ON u.parent = tree.id) SELECT * FROM tree t",
		},
		{"with nested", "SELECT * FROM (WITH a AS (SELECT 1 FROM users) SELECT * FROM a) z", "SELECT * FROM (WITH a AS (SELECT 1 FROM [users]) SELECT * FROM a) z"},
		{"with update", "WITH a AS (SELECT 1 FROM orders) UPDATE users SET x = (SELECT 1 FROM a)", "WITH a AS (SELECT 1 FROM [orders]) UPDATE [users] SET x = (SELECT 1 FROM a)"},
		{"with delete inside", "WITH gone AS (DELETE FROM users RETURNING id) SELECT * FROM gone", "WITH gone AS (DELETE FROM [users] RETURNING id) SELECT * FROM gone"},
		{"with quoted", `WITH "a" AS (SELECT 1) SELECT * FROM a, "a" b`, ""},

		{"function", "SELECT * FROM json_each(?) j, users", "SELECT * FROM json_each(?) j, [users]"},
		{"function with a subquery", "SELECT * FROM users, json_each((SELECT x FROM orders)) AS j(k, v)", "SELECT * FROM [users], json_each((SELECT x FROM [orders])) AS j(k, v)"},
		{"function with ordinality", "SELECT * FROM generate_series(1, 5) WITH ORDINALITY AS g(a, b), users", "SELECT * FROM generate_series(1, 5) WITH ORDINALITY AS g(a, b), [users]"},
		{"function with types", "SELECT * FROM jsonb_to_recordset(?) AS (a int, b text), users", "SELECT * FROM jsonb_to_recordset(?) AS (a int, b text), [users]"},
		{"lateral", "SELECT * FROM users u CROSS JOIN LATERAL (SELECT * FROM orders) o, LATERAL unnest(u.a) x", "SELECT * FROM [users!] u CROSS JOIN LATERAL (SELECT * FROM [orders]) o, LATERAL unnest(u.a) x"},
		{"only", "SELECT * FROM ONLY users", "SELECT * FROM ONLY [users]"},
		{"brackets", "SELECT * FROM [users] WHERE [users].[id] = 1", `SELECT * FROM "t_acme__users" AS "users" WHERE [users].[id] = 1`},
		{"indexed by", "SELECT * FROM users INDEXED BY idx, orders NOT INDEXED", "SELECT * FROM [users] INDEXED BY idx, [orders] NOT INDEXED"},
		{"index hint", "SELECT * FROM users USE INDEX (a) IGNORE KEY FOR ORDER BY (b), orders o FORCE INDEX FOR JOIN (c)", "SELECT * FROM [users] USE INDEX (a) IGNORE KEY FOR ORDER BY (b), [orders!] o FORCE INDEX FOR JOIN (c)"},
		{"qualified shared", `SELECT * FROM main.plans, "main"."plans" p`, ""},
		{"alias without space", "SELECT * FROM`users`\"u\",orders\"o\"", `SELECT * FROM"t_acme__users" "u",[orders!] "o"`},
		{"explain", "EXPLAIN QUERY PLAN SELECT * FROM users", "EXPLAIN QUERY PLAN SELECT * FROM [users]"},
		{"explain analyze", "explain analyze verbose delete from users", "explain analyze verbose delete from [users]"},
		{"savepoint", "SAVEPOINT sp1", ""},
		{"rollback to", "ROLLBACK TO SAVEPOINT users;", ""},
		{"no table", "SELECT 1", ""},
		{"not ascii", "SELECT 'é', ü FROM users -- ß", "SELECT 'é', ü FROM [users] -- ß"},
	}
	w := testRewriter()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.in
			if tt.want != "" {
				want = expand(tt.want)
				if tt.name == "brackets" {
					want = tt.want
				}
			}
			got, err := w.Rewrite(tt.in)
			if err != nil {
				t.Fatalf("%s\n refused: %v", tt.in, err)
			}
			if got != want {
				t.Errorf("%s\n got  %s\n want %s", tt.in, got, want)
			}
		})
	}
}

// TestRewriteRefuses checks that what is not certain is refused, and why.
func TestRewriteRefuses(t *testing.T) {
	tests := []struct{ in, reason string }{
		{"", "empty"},
		{" -- nothing", "empty"},
		{"CREATE TABLE users (id int)", "create"},
		{"DROP TABLE users", "drop"},
		{"ALTER TABLE users ADD a int", "alter"},
		{"PRAGMA table_info(users)", "pragma"},
		{"ATTACH 'x' AS y", "attach"},
		{"TRUNCATE users", "truncate"},
		{"VACUUM", "vacuum"},
		{"COPY users TO STDOUT", "copy"},
		{"SET search_path = x", "set"},
		{"BEGIN", "begin"},
		{"COMMIT", "commit"},
		{"ROLLBACK", "rollback"},
		{"EXPLAIN DROP TABLE users", "drop"},
		{"EXPLAIN users", "users"},
		{"MERGE INTO users USING orders ON 1=1", "merge"},
		{"SELECT 1; SELECT 2", "several"},
		{"SELECT 1;;x", "several"},
		{"SELECT (1; 2)", "several"},
		{"SAVEPOINT a; DROP TABLE users", "savepoint"},

		{"SELECT 'abc", "unterminated string"},
		{`SELECT "abc`, "unterminated quoted name"},
		{"SELECT `abc", "unterminated quoted name"},
		{"SELECT 1 /* abc", "unterminated comment"},
		{"SELECT 1 /* a /* b */ c */", "nested"},
		{"SELECT 1 /* a /*/ c */", "nested"},
		{"SELECT 1 /*!50000 FROM users */", "executable"},
		{"SELECT 1 --FROM users", "two dashes"},
		{"SELECT 1 -- a\rFROM users", "carriage return"},
		{"SELECT 1 # FROM users", "#"},
		{`SELECT 'a\' FROM users -- '`, "backslash"},
		{`SELECT E'a\' FROM users -- '`, "backslash"},
		{`SELECT "a\" FROM users`, "backslash"},
		{"SELECT $$ FROM users $$", "dollar"},
		{"SELECT $$it's$$", "dollar"},
		{"SELECT $a$ x $b$", "unterminated"},
		{"SELECT 'a\x00' FROM users", "zero"},
		{"SELECT 1 \\ 2", "unknown character"},
		{"SELECT * FROM {oj users}", "unknown character"},
		{"SELECT * \ufeffFROM users", "unknown character"},
		{"SELECT 1from users", "number"},
		{"SELECT * FROM a.1users", "number"},
		{"SELECT @a := 1", "assignment"},
		{"SELECT $1a", "parameter"},
		{"SELECT @a(users) FROM users", "parameter"},
		{"SELECT a] FROM users", "bracket"},
		{"SELECT a[1+ FROM users", "from"},
		{"SELECT a[1+", "bracket"},
		{"SELECT [a'] FROM orders -- ']", "quoted ]"},
		{"SELECT ([1+2)] FROM users", "not understood"},

		{"SELECT * FROM strangers", "unknown table"},
		{"SELECT * FROM USERS", "unknown table"},
		{"SELECT * FROM main.users", "qualified"},
		{"SELECT * FROM other.users", "unknown table"},
		{"SELECT * FROM users, other . \"users\"", "unknown table"},
		{"INSERT INTO other.users VALUES (1)", "unknown table"},
		{"SELECT * FROM (SELECT * FROM strangers) x", "unknown table"},
		{"SELECT * FROM users a JOIN orders b ON a.x=b.x, strangers", "unknown table"},
		{"SELECT * FROM json_each(1) j, strangers", "unknown table"},
		{"DELETE FROM users USING strangers", "unknown table"},
		{"WITH a AS (SELECT * FROM strangers) SELECT 1", "unknown table"},
		{"SELECT 1 UNION SELECT 1 FROM strangers", "unknown table"},

		{"SELECT * FROM users WHERE id IN orders", "in without"},
		{"SELECT * FROM users WHERE id NOT IN orders", "in without"},
		{"SELECT * FROM users WHERE id IN 'orders'", "in without"},
		{"SELECT * FROM users WHERE id IN [orders]", "in without"},
		{"TABLE users", "table"},
		{"SELECT * FROM (TABLE users) x", "table"},
		{"SELECT 1 WHERE EXISTS (TABLE users)", "table"},
		{"SELECT 1 UNION TABLE users", "table"},
		{"INSERT INTO users TABLE orders", "table"},
		{"SELECT * INTO copy FROM users", "select into"},
		{"SELECT * FROM users INTO OUTFILE 'x'", "select into"},
		{"SELECT * FROM users INTO DUMPFILE 'x'", "select into"},
		{"SELECT * FROM (SELECT 1 INTO x) y", "select into"},
		{"SELECT LOAD_FILE('x')", "function"},
		{"SELECT load_extension ('x')", "function"},
		{"SELECT \"readfile\"('x')", "function"},
		{"SELECT [writefile]/**/('x', 1)", "function"},
		{"SELECT (1 + readfile('x')) FROM users", "function"},
		{"SELECT pg_catalog.query_to_xml('select 1', true, true, '')", "function"},
		{"SELECT * FROM pragma_table_info('users')", "function"},
		{"SELECT * FROM main.pragma_table_info('users')", "function"},
		{"SELECT * FROM dblink('x', 'y') AS t(a int)", "function"},
		{"SELECT * FROM dblink_exec('x')", "function"},
		{"SELECT * FROM xpath_table('a','b','c','d','e') AS t(a int)", "function"},
		{"SELECT * FROM table_to_xml('users', true, true, '')", "function"},
		{"SELECT * FROM users('x')", "table used as a function"},
		{"SELECT count(a FROM users)", "from"},
		{"SELECT (a FROM users)", "from"},
		{"SELECT a IS DISTINCT users", "not understood"},
		{"WITH users AS (SELECT 1) SELECT * FROM users", "named like a table"},
		{"WITH plans AS (SELECT 1) SELECT 1", "named like a table"},
		{"SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t) x, t", "unknown table"},
		{"WITH t AS (SELECT * FROM t) SELECT * FROM t", "unknown table"},
		{"WITH t AS (SELECT 1) SELECT * FROM T", "two ways"},
		{"WITH \"T\" AS (SELECT 1) SELECT * FROM T", "two ways"},
		{"WITH t AS (SELECT 1) DELETE FROM t", "target"},
		{"WITH t AS (SELECT 1) INSERT INTO t VALUES (1)", "target"},
		{"WITH t AS (SELECT 1) UPDATE t SET a = 1", "target"},
		{"WITH t AS (SELECT 1) DROP TABLE users", "not understood"},

		{"SELECT * FROM users PARTITION (p0)", "partition"},
		{"SELECT * FROM users TABLESAMPLE system(5)", "sample"},
		{"SELECT * FROM (users JOIN orders ON 1=1) AS j", "alias of a join"},
		{"SELECT * FROM 'users'", "not understood"},
		{"SELECT * FROM ?", "not understood"},
		{"SELECT * FROM users 'u'", "not understood"},
		{"SELECT * FROM users *", "not understood"},
		{"SELECT * FROM users u extra", "not understood"},
		{"SELECT * FROM users,", "not understood"},
		{"SELECT * FROM", "not understood"},
		{"SELECT * FROM users JOIN", "not understood"},
		{"SELECT * FROM users LEFT orders", "not understood"},
		{"SELECT * FROM users full, orders", "not understood"},
		{"SELECT * FROM users offset, orders", "not understood"},
		{"SELECT * FROM users offset NOT INDEXED, orders", "not understood"},
		{"SELECT * FROM users limit 1 offset 2, orders", "not understood"},
		{"SELECT * FROM users window, orders", "not understood"},
		{"SELECT * FROM users for, orders", "not understood"},
		{"SELECT * FROM users fetch, orders", "not understood"},
		{"SELECT * FROM users returning a, orders", "not understood"},
		{"SELECT * FROM users WHERE a = 1, orders", "not understood"},
		{"SELECT * FROM users WHERE", "not understood"},
		{"SELECT * FROM users LATERAL orders", "not understood"},
		{"SELECT * FROM LATERAL orders", "not understood"},
		{"SELECT * FROM users)", "not understood"},
		{"(SELECT * FROM users", "not understood"},
		{"SELECT * FROM users ON CONFLICT DO NOTHING", "not understood"},
		{"SELECT a JOIN users", "not understood"},
		{"SELECT U&\"x\" FROM U&\"users\"", "not understood"},
		{"INSERT users VALUES (1)", "not understood"},
		{"INSERT INTO users u VALUES (1)", "not understood"},
		{"INSERT INTO users", "not understood"},
		{"UPDATE users", "not understood"},
		{"DELETE users", "not understood"},
		{"SELECT 1 UNION", "not understood"},
		{"SELECT 1 WHERE (SELECT 1", "not understood"},
		{"SELECT CASE WHEN 1 THEN 2", "case"},
		{"?", "not understood"},
	}
	w := testRewriter()
	for _, tt := range tests {
		got, err := w.Rewrite(tt.in)
		wantRefusal(t, tt.in, err, tt.reason)
		if got != "" {
			t.Errorf("%s\n a refusal comes with the text %q", tt.in, got)
		}
	}
}

func TestRewriteWithoutInsertAlias(t *testing.T) {
	w := testRewriter()
	w.InsertAlias = false
	got, err := w.Rewrite("INSERT INTO users (a) VALUES (1) ON CONFLICT DO NOTHING")
	if want := expand("INSERT INTO [users!] (a) VALUES (1) ON CONFLICT DO NOTHING"); err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRewriterZeroValue(t *testing.T) {
	_, err := new(Rewriter).Rewrite("SELECT 1")
	wantRefusal(t, "SELECT 1", err, "missing")
}

func TestRewriteDeep(t *testing.T) {
	for _, open := range []string{"(", "SELECT (", "SELECT * FROM (", "SELECT a[", "WITH a AS (", "INSERT INTO users ("} {
		query := ""
		for range 5000 {
			query += open
		}
		if _, err := testRewriter().Rewrite(query); err == nil {
			t.Errorf("%s repeated is not refused", open)
		}
	}
}

func TestRefusalError(t *testing.T) {
	_, err := testRewriter().Rewrite("SELECT * FROM strangers")
	if got, want := err.Error(), `unknown table near "strangers"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
