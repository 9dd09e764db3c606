package sqltext

import (
	"strings"
	"testing"
)

// seeds are texts from which the fuzzing starts.
var seeds = []string{
	"", ";", "SELECT", "SELECT 1",
	`SELECT * FROM "users" WHERE "users"."tenant_id" = ? AND "users"."deleted_at" IS NULL ORDER BY "users"."id" LIMIT 1`,
	"SELECT u.*, o.id FROM users u LEFT JOIN orders AS o ON o.user_id = u.id AND o.tenant_id = ?, items WHERE u.tenant_id = $1 OR 1=1",
	"SELECT * FROM ((SELECT id FROM users) UNION ALL (SELECT id FROM orders)) x JOIN (users JOIN items USING (id)) ON 1=1",
	"WITH RECURSIVE a(x) AS (SELECT id FROM users UNION SELECT x FROM a), b AS (DELETE FROM orders RETURNING *) SELECT * FROM a, b",
	"INSERT INTO users (a) SELECT b FROM orders WHERE true ON CONFLICT (a) WHERE b DO UPDATE SET a = users.a RETURNING id",
	"INSERT INTO users (a) VALUES (?) ON DUPLICATE KEY UPDATE a = VALUES(a)",
	"UPDATE OR IGNORE users SET a = (SELECT max(b) FROM orders) FROM items WHERE tenant_id = :t",
	"DELETE FROM ONLY users USING orders o WHERE o.id IS DISTINCT FROM users.id -- end",
	"SELECT extract(year FROM a), CASE WHEN a BETWEEN 1 AND 2 THEN 'it''s' END, ARRAY[1,'a'], a[1], b::text FROM [users] FOR UPDATE",
	"SELECT $$a b$$, E'a\\\\', $t$x$t$, 1.5e3, .5, 0x1F, @a, :b, $1 FROM users /* c */ INDEXED BY i",
	"SELECT * FROM json_each((SELECT a FROM users)) WITH ORDINALITY AS j(a, b), LATERAL (SELECT 1) l WINDOW w AS (ORDER BY a)",
	"EXPLAIN QUERY PLAN (SELECT 1 FROM users) UNION VALUES (1)",
	"INSERT INTO `goods` (`a`,`tenant_id`) VALUES (?,?) ON DUPLICATE KEY UPDATE `tenant_id`=IF(`goods`.`tenant_id`=VALUES(`tenant_id`),`goods`.`tenant_id`,COALESCE((SELECT 1 UNION ALL SELECT 2),`goods`.`tenant_id`)) RETURNING `id`",
	"SELECT STRAIGHT_JOIN `a` FROM `users` USE INDEX (`i`) WHERE `tenant_id` = ? AND b <=> 1 || c && !d XOR e # x", `SELECT "a", 'b\'c', "d\"e", _utf8'x' FROM users WHERE "tenant_id" = ?`,
	`INSERT INTO "s"."users" ("a") OUTPUT INSERTED."id", INSERTED.* VALUES (@p1);`, `DELETE FROM [s].[users] OUTPUT DELETED.[id] WHERE a = @p1`, "UPDATE s.users SET a = 1 OUTPUT INSERTED.id WHERE b = @p2",
	"SAVE TRANSACTION a", "ROLLBACK TRANSACTION a;", "SAVEPOINT a", "ROLLBACK TO SAVEPOINT a;", "RELEASE a -- x",
	"1=1) OR (1=1", "a = 'x' AND (b IN (1,2) OR c[1] = '(')",
	"SELECT `a``b`, \"c\"\"d\" FROM users\"u\", orders`o`",
}

func FuzzRewrite(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	w := testRewriter()
	f.Fuzz(func(t *testing.T, query string) {
		got, err := w.Rewrite(query)
		if err != nil {
			if got != "" || err.Error() == "" {
				t.Fatalf("%q: refusal %v with text %q", query, err, got)
			}
			return
		}
		again, err := w.Rewrite(got)
		if err != nil || again != got {
			t.Fatalf("%q\n first  %q\n second %q\n %v", query, got, again, err)
		}
		sameTokens(t, w, query, got)
	})
}

// sameTokens checks that got has the tokens of query, and the same text
// between them, except for the names that are replaced.
func sameTokens(t *testing.T, w *Rewriter, query, got string) {
	t.Helper()
	walk := newWalker(query, "")
	walk.walk()
	in, out := scanner{src: query}, scanner{src: got}
	next := 0
	inEnd, outEnd := 0, 0
	replaced := false
	for {
		a, b := in.next(), out.next()
		if a.kind == kindBad || b.kind == kindBad {
			t.Fatalf("bad token in %q or %q", query, got)
		}
		between := query[inEnd:a.start]
		if after := got[outEnd:b.start]; after != between && (!replaced || after != " "+between) {
			t.Fatalf("%q became %q: %q is now %q", query, got, between, after)
		}
		replaced = false
		for next < len(walk.refs) && (walk.refs[next].role == roleDerived || walk.refs[next].start < a.start) {
			next++
		}
		if next < len(walk.refs) && walk.refs[next].start == a.start && a.kind != kindEnd {
			ref := &walk.refs[next]
			physical, r := resolveName(ref.text(query))
			if r == Rename && ref.isTable() {
				if unquote(got, b) != physical {
					t.Fatalf("%q became %q: want %s", query, got, physical)
				}
				if w.needsAlias(ref) {
					if b = out.next(); b.key != keyAs {
						t.Fatalf("%q became %q: no alias", query, got)
					}
					if b = out.next(); unquote(got, b) != ref.text(query) {
						t.Fatalf("%q became %q: wrong alias", query, got)
					}
				}
				inEnd, outEnd, replaced = a.end, b.end, true
				continue
			}
		}
		if a.kind != b.kind || query[a.start:a.end] != got[b.start:b.end] {
			t.Fatalf("%q became %q: %q is now %q", query, got, query[a.start:a.end], got[b.start:b.end])
		}
		if a.kind == kindEnd {
			return
		}
		inEnd, outEnd = a.end, b.end
	}
}

func FuzzScoped(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		owned := false
		err := Scoped(query, "tenant_id", ownedName, nil)
		if err != nil {
			if err.Error() == "" {
				t.Fatalf("%q: empty refusal", query)
			}
			return
		}
		// The same text walks for a rewriter that keeps every table.
		keep := &Rewriter{Quote: quoteName, Resolve: func(name string) (string, Resolution) {
			isOwned, known := ownedName(name)
			owned = owned || isOwned
			if !known {
				return "", Unknown
			}
			return name, Keep
		}}
		if got, err := keep.Rewrite(query); err != nil || got != query {
			t.Fatalf("%q: rewritten to %q, %v", query, got, err)
		}
		// A text with an owned table that is read needs the column.
		walk := newWalker(query, "tenant_id")
		walk.walk()
		for i := range walk.refs {
			ref := &walk.refs[i]
			isOwned, _ := ownedName(ref.text(query))
			if ref.role > roleTarget || !isOwned {
				continue
			}
			if !strings.Contains(strings.ToLower(query), "tenant_id") {
				t.Fatalf("%q: accepted without the column", query)
			}
			if Scoped(query, "no_such_column", ownedName, nil) == nil {
				t.Fatalf("%q: accepted for any column", query)
			}
		}
	})
}

func FuzzControl(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	w := testRewriter()
	f.Fuzz(func(t *testing.T, query string) {
		if !Control(query) {
			return
		}
		if got, err := w.Rewrite(query); err != nil || got != query {
			t.Fatalf("%q: rewritten to %q, %v", query, got, err)
		}
		if !strings.ContainsAny(query, "-*") && Control(query+" SELECT 1") {
			t.Fatalf("%q: goes on with a statement", query)
		}
	})
}

func FuzzBalanced(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, fragment string) {
		if !Balanced(fragment) {
			return
		}
		for _, other := range []string{"(" + fragment, fragment + ")", ")" + fragment, fragment + ";", fragment + " -- x"} {
			if Balanced(other) {
				t.Fatalf("%q is balanced, and so is %q", fragment, other)
			}
		}
		if !Balanced("(" + fragment + " ) AND (" + fragment + " )") {
			t.Fatalf("%q: not balanced in parentheses", fragment)
		}
		// What follows a balanced fragment in parentheses stands outside of it.
		s := scanner{src: "(" + fragment + " ) tail"}
		var last, before token
		for tok := s.next(); tok.kind != kindEnd; tok = s.next() {
			before, last = last, tok
		}
		if last.kind != kindWord || before.char != ')' {
			t.Fatalf("%q swallows what follows", fragment)
		}
	})
}
