package sqltext

import "testing"

const benchSelect = `SELECT * FROM "t_acme__users" AS "users" WHERE "users"."email" = ? AND "users"."age" > ? AND "users"."deleted_at" IS NULL ORDER BY "users"."id" LIMIT 10`

const benchScoped = `SELECT * FROM "users" WHERE "users"."email" = ? AND "users"."tenant_id" = ? AND "users"."deleted_at" IS NULL ORDER BY "users"."id" LIMIT 10 OFFSET 20`

func BenchmarkRewriteUnchanged(b *testing.B) {
	w := testRewriter()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Rewrite(benchSelect); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRewriteRenamed(b *testing.B) {
	w := testRewriter()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Rewrite(benchScoped); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScoped(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := Scoped(benchScoped, "tenant_id", ownedName, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkControl(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Control(benchSelect)
	}
}

func BenchmarkBalanced(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Balanced(`name = ? AND (age > 18 OR role IN ('admin','owner'))`)
	}
}

func TestNoAllocations(t *testing.T) {
	w := testRewriter()
	for name, run := range map[string]func(){
		"rewrite":  func() { _, _ = w.Rewrite(benchSelect) },
		"scoped":   func() { _ = Scoped(benchScoped, "tenant_id", ownedName, nil) },
		"control":  func() { Control("ROLLBACK TO SAVEPOINT sp1") },
		"balanced": func() { Balanced("a = ? AND (b IN (1,2))") },
	} {
		if n := leastAllocations(run); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// leastAllocations is the least of several counts: under the race detector, a sync.Pool loses
// some of what it is given.
func leastAllocations(run func()) float64 {
	least := testing.AllocsPerRun(100, run)
	for range 4 {
		least = min(least, testing.AllocsPerRun(100, run))
	}
	return least
}
