package sqltext

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

const tablesSQL = `
CREATE TABLE %[1]susers (id INTEGER PRIMARY KEY, name TEXT, age INT, boss INT, tenant_id INT);
CREATE TABLE %[1]sorders (id INTEGER PRIMARY KEY, user_id INT, total INT, note TEXT, tenant_id INT);`

const rowsSQL = `
INSERT INTO %[1]susers VALUES (1,'ann',30,NULL,1),(2,'bob',41,1,1),(3,'cid',19,1,1),(4,'from users',55,2,1);
INSERT INTO %[1]sorders VALUES (1,1,10,'x',1),(2,1,25,NULL,1),(3,2,7,'y',1),(4,9,70,'it''s',1);`

const decoySQL = `
INSERT INTO users VALUES (1,'decoy',99,NULL,2),(12,'decoy2',98,1,2),(13,'decoy3',19,12,2);
INSERT INTO orders VALUES (1,12,1000,'decoy',2),(14,1,2000,'decoy',2);`

// openSQLite returns a database in memory after running some statements.
func openSQLite(t *testing.T, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// rowsOf returns the rows of a query as text.
func rowsOf(db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	result := []string{strings.Join(columns, ",")}
	for rows.Next() {
		values := make([]any, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		result = append(result, fmt.Sprintf("%v", values))
	}
	return result, rows.Err()
}

// sqliteQueries are real statements over users and orders.
var sqliteQueries = []string{
	"SELECT * FROM users",
	"SELECT users.name FROM users WHERE users.age > 20 ORDER BY users.id",
	`SELECT "users"."id", "users"."name" FROM "users" WHERE "users"."age" BETWEEN 18 AND 40`,
	"SELECT u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id ORDER BY o.id",
	"SELECT users.name, orders.total FROM users LEFT JOIN orders ON orders.user_id = users.id ORDER BY users.id, orders.id",
	"SELECT a.name, b.name FROM users a, users AS b WHERE a.boss = b.id ORDER BY a.id",
	"SELECT name, (SELECT count(*) FROM orders WHERE orders.user_id = users.id) AS n FROM users ORDER BY id",
	"SELECT name FROM users WHERE id IN (SELECT user_id FROM orders WHERE total > 8) ORDER BY id",
	"SELECT name FROM users WHERE NOT EXISTS (SELECT 1 FROM orders WHERE orders.user_id = users.id) ORDER BY id",
	"SELECT id FROM users UNION ALL SELECT id FROM orders ORDER BY 1",
	"SELECT id FROM users EXCEPT SELECT user_id FROM orders",
	"SELECT x.n FROM (SELECT count(*) AS n FROM users) AS x",
	"SELECT * FROM (users JOIN orders ON users.id = orders.user_id) ORDER BY orders.id",
	"WITH big AS (SELECT * FROM orders WHERE total > 9) SELECT users.name, big.total FROM big JOIN users ON users.id = big.user_id ORDER BY big.id",
	"WITH RECURSIVE tree(id, depth) AS (SELECT id, 0 FROM users WHERE boss IS NULL UNION ALL SELECT users.id, tree.depth + 1 FROM users JOIN tree ON users.boss = tree.id) SELECT * FROM tree ORDER BY id",
	"SELECT age, count(*) FROM users GROUP BY age HAVING count(*) > 0 ORDER BY age DESC LIMIT 2 OFFSET 1",
	"SELECT name, rank() OVER (ORDER BY age) FROM users ORDER BY id",
	"SELECT name, sum(age) OVER w FROM users WINDOW w AS (PARTITION BY boss ORDER BY id) ORDER BY id",
	"SELECT count(*) FILTER (WHERE age > 20) FROM users",
	"SELECT CASE WHEN age > 40 THEN 'old' ELSE 'from orders' END FROM users ORDER BY id",
	"SELECT * FROM users WHERE boss IS NOT DISTINCT FROM 1",
	"SELECT 'select * from users' AS q, /* from users */ name FROM users -- from orders",
	"SELECT [users].[name] FROM [users] ORDER BY [users].[id]",
	"SELECT `users`.`name` FROM `users` AS `users` ORDER BY `users`.`id`",
	"SELECT * FROM users NATURAL JOIN (SELECT id FROM orders) ORDER BY id",
	"SELECT * FROM users JOIN orders USING (id) ORDER BY id",
	"SELECT u.id, j.value FROM users u, json_each('[1,2]') j ORDER BY u.id, j.value",
	"SELECT users.* FROM users CROSS JOIN (VALUES (1),(2)) ORDER BY id",
	"VALUES ((SELECT max(id) FROM users)), (2)",
	"SELECT DISTINCT users.boss FROM users NOT INDEXED ORDER BY 1",
	"SELECT max(total), min(orders.note) FROM orders",
	"SELECT name FROM users WHERE (age, id) IN (SELECT age, id FROM users WHERE id < 3) ORDER BY id",
	"SELECT u.name FROM users u LEFT JOIN (SELECT user_id, sum(total) s FROM orders GROUP BY user_id) o ON o.user_id = u.id WHERE o.s > 5 ORDER BY u.id",
	"SELECT name FROM users ORDER BY (SELECT max(total) FROM orders o WHERE o.user_id = users.id), id",
	"SELECT replace(name, 'a', 'b'), substr(name, 1, 2) FROM users ORDER BY id",
	"INSERT INTO users (id, name) VALUES (20, 'new')",
	"INSERT INTO users (id, name) VALUES (1, 'new') ON CONFLICT (id) DO UPDATE SET name = excluded.name || users.name",
	"INSERT INTO users (id, name) SELECT id + 100, note FROM orders WHERE true ON CONFLICT DO NOTHING",
	"INSERT OR REPLACE INTO users (id, name) VALUES (2, 'replaced')",
	"REPLACE INTO orders (id, total) SELECT id, age FROM users",
	"INSERT INTO users (id, name) VALUES (21, 'x') RETURNING id, name",
	"UPDATE users SET age = age + 1 WHERE users.id < 3",
	"UPDATE users SET age = (SELECT sum(total) FROM orders WHERE orders.user_id = users.id)",
	"UPDATE users SET name = o.note FROM orders o WHERE o.user_id = users.id AND o.note IS NOT NULL",
	"UPDATE OR IGNORE users AS u SET age = 1 WHERE u.name LIKE 'a%'",
	"DELETE FROM users WHERE users.id = 2",
	"DELETE FROM orders WHERE user_id NOT IN (SELECT id FROM users) RETURNING id, note",
	"WITH gone AS (SELECT id FROM users WHERE age < 20) DELETE FROM users WHERE id IN (SELECT id FROM gone)",
	"EXPLAIN SELECT 1",
}

// TestRewriteSQLite runs each query on tables with their logical names, and
// the rewritten one on physical tables with the same rows next to decoys.
func TestRewriteSQLite(t *testing.T) {
	w := testRewriter()
	for _, query := range sqliteQueries {
		plain := openSQLite(t, fmt.Sprintf(tablesSQL, ""), fmt.Sprintf(rowsSQL, ""))
		tenant := openSQLite(t, fmt.Sprintf(tablesSQL, ""), decoySQL, fmt.Sprintf(tablesSQL, "t_acme__"), fmt.Sprintf(rowsSQL, "t_acme__"))
		decoys := tableRows(t, tenant, "")
		rewritten, err := w.Rewrite(query)
		if err != nil {
			t.Errorf("%s\n refused: %v", query, err)
			continue
		}
		want, err := rowsOf(plain, query)
		if err != nil {
			t.Errorf("%s\n fails as it is: %v", query, err)
			continue
		}
		got, err := rowsOf(tenant, rewritten)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s\n%s\n got  %v, %v\n want %v", query, rewritten, got, err, want)
		}
		if got, want := tableRows(t, tenant, "t_acme__"), tableRows(t, plain, ""); !slices.Equal(got, want) {
			t.Errorf("%s\n%s\n leaves %v\n want   %v", query, rewritten, got, want)
		}
		if got := tableRows(t, tenant, ""); !slices.Equal(got, decoys) {
			t.Errorf("%s\n%s\n changes the decoys: %v", query, rewritten, got)
		}
	}
}

// tableRows returns what users and orders with a prefix hold.
func tableRows(t *testing.T, db *sql.DB, prefix string) []string {
	t.Helper()
	var all []string
	for _, table := range []string{"users", "orders"} {
		rows, err := rowsOf(db, "SELECT * FROM "+prefix+table+" ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return all
}

// TestScopedSQLite builds random queries. One that Scoped accepts must have
// the same result whether or not another tenant has rows.
func TestScopedSQLite(t *testing.T) {
	alone := openSQLite(t, fmt.Sprintf(tablesSQL, ""), fmt.Sprintf(rowsSQL, ""))
	shared := openSQLite(t, fmt.Sprintf(tablesSQL, ""), fmt.Sprintf(rowsSQL, ""),
		"INSERT INTO users VALUES (11,'ann',30,1,2),(12,'eve',5,2,2); INSERT INTO orders VALUES (11,1,10,'x',2),(12,11,3,'z',2),(13,2,7,NULL,2)")
	r := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 20000 {
		query := randomQuery(r, 2)
		if Scoped(query, "tenant_id", ownedName, nil) != nil {
			continue
		}
		want, err := rowsOf(alone, query, sql.Named("t", 1))
		if err != nil {
			continue
		}
		accepted++
		got, err := rowsOf(shared, query, sql.Named("t", 1))
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s\n got  %v, %v\n want %v", query, got, err, want)
		}
	}
	if accepted < 200 {
		t.Errorf("only %d queries were accepted", accepted)
	}
}

// randomQuery returns a query over users u and orders o, often scoped.
func randomQuery(r *rand.Rand, depth int) string {
	joins := []string{"", "", " JOIN orders o ON %s", " LEFT JOIN orders o ON %s", " RIGHT JOIN orders o ON %s", " FULL JOIN orders o ON %s", ", orders o"}
	join := joins[r.IntN(len(joins))]
	if strings.Contains(join, "%s") {
		join = fmt.Sprintf(join, randomCondition(r, depth, join != ""))
	}
	query := "SELECT u.id, u.name FROM users u" + join + " WHERE " + randomCondition(r, depth, join != "")
	if r.IntN(4) == 0 {
		query += " GROUP BY u.name HAVING count(*) > 0 OR u.id"
	}
	if depth > 0 && r.IntN(5) == 0 {
		query += " UNION " + randomQuery(r, depth-1)
	}
	return query
}

// randomCondition returns a condition over u, and o where it is joined.
func randomCondition(r *rand.Rand, depth int, joined bool) string {
	atoms := []string{"u.tenant_id = :t", "u.tenant_id = :t", "tenant_id = :t", "u.age > 20", "u.boss IS NULL", "1 = 1", "u.name LIKE 'a%'"}
	if joined {
		atoms = append(atoms, "o.tenant_id = :t", "o.tenant_id = :t", "o.tenant_id = :t AND u.tenant_id = :t", "o.user_id = u.id", "o.total > 5")
	}
	var parts []string
	for range 1 + r.IntN(4) {
		part := atoms[r.IntN(len(atoms))]
		other := atoms[r.IntN(len(atoms))]
		if depth > 0 {
			switch r.IntN(14) {
			case 0:
				part = "(" + randomCondition(r, depth-1, joined) + ")"
			case 1:
				part = "NOT " + part
			case 2:
				part = "CASE WHEN " + part + " AND " + other + " AND 1 THEN 1 ELSE 1 END"
			case 3:
				part = "u.age BETWEEN 0 AND " + part
			case 4:
				part = "u.id IN (" + strings.Replace(randomQuery(r, depth-1), "u.id, u.name", "u.id", 1) + ")"
			case 5:
				part = part + " IS NOT NULL"
			case 6:
				part = part + " + 1"
			case 7:
				part = "EXISTS (" + randomQuery(r, depth-1) + ")"
			}
		}
		parts = append(parts, part)
	}
	text := parts[0]
	for _, part := range parts[1:] {
		if r.IntN(5) == 0 {
			text += " OR " + part
		} else {
			text += " AND " + part
		}
	}
	return text
}
