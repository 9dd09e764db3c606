// Package differential compares the plugin with GORM alone. Random programs of statements run on
// one handle for several tenants in turn, and each tenant's part of them on a database of its own
// without the plugin. Whatever a statement answers, and every row that is there after it, must be
// the same.
package differential

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"gorm.io/gorm"
)

// TestPrograms runs some programs, and many with TENANCY_TEST_LONG.
func TestPrograms(t *testing.T) {
	programs, steps := uint64(4), 40
	if long, _ := strconv.ParseBool(os.Getenv("TENANCY_TEST_LONG")); long {
		programs = 200
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			w := newWorld(t, k)
			for number := range programs {
				w.empty(t)
				rnd := rand.New(rand.NewPCG(number, 1))
				for _, s := range w.sides {
					w.step(t, s, seed, 0, rnd.Uint64())
				}
				for step := range steps {
					s, at, way := w.sides[rnd.IntN(len(w.sides))], rnd.IntN(len(operations)), rnd.IntN(9)
					if !w.step(t, s, operations[at], way, rnd.Uint64()) {
						t.Fatalf("program %d, step %d: operation %d in the way %d as %s", number, step, at, way, s.id)
					}
				}
			}
		})
	}
}

// step runs an operation on both sides, and reports whether they are alike.
func (w *world) step(t *testing.T, s *side, op func(*run), way int, chance uint64) bool {
	t.Helper()
	do := func(db *gorm.DB) *run {
		x := &run{Rand: rand.New(rand.NewPCG(chance, 2)), s: s, db: db.WithContext(s.ctx)}
		x.do(op, way)
		return x
	}
	got := do(w.db)
	if got.refused && w.kind.name == "sqlite/shared" { // text, and nothing was sent
		return w.same(t)
	}
	want := do(s.plain)
	alike := true
	for i := range max(len(got.log), len(want.log)) {
		if i >= len(got.log) || i >= len(want.log) || got.log[i] != want.log[i] {
			t.Errorf("got\n%q, want\n%q", got.log[i:], want.log[i:])
			alike = false
			break
		}
	}
	return w.same(t) && alike
}

// same reports whether all tenants have the same rows on both sides.
func (w *world) same(t *testing.T) bool {
	t.Helper()
	alike := true
	for _, s := range w.sides {
		got, want := w.rows(t, s)
		if slices.Equal(got, want) {
			continue
		}
		alike = false
		common := func(rows []string) func(string) bool {
			return func(row string) bool { return slices.Contains(rows, row) }
		}
		t.Errorf("%s has\n%q, and not\n%q", s.id, slices.DeleteFunc(slices.Clone(got), common(want)), slices.DeleteFunc(slices.Clone(want), common(got)))
	}
	return alike
}
