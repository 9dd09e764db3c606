package tenancy

import (
	"errors"
	"fmt"
	"testing"
)

// TestGuardBounds: what is remembered of tenants that do not have what is required is bounded,
// and what is remembered of those that have it outlasts it.
func TestGuardBounds(t *testing.T) {
	var g guard
	ask := func(group string, answer error) {
		t.Helper()
		v, err := g.verdict(group)
		if err != nil {
			t.Fatal(err)
		}
		got := v.ask(t.Context(), func() error {
			if answer == nil {
				g.keep(group, v)
			}
			return answer
		})
		if !errors.Is(got, answer) || answer == nil && got != nil {
			t.Errorf("%s: %v", group, got)
		}
	}
	ask("acme", nil)
	for i := range 3 * mostUnmet {
		ask(fmt.Sprint("nobody", i), ErrNotProvisioned)
	}
	if len(g.met) != 1 || g.unmet.Len() != mostUnmet {
		t.Errorf("%d groups are known to have it, and %d to have it not", len(g.met), g.unmet.Len())
	}
	ask("acme", nil)
	g.forget("acme")
	ask("acme", ErrBehind)
}

// TestGuardForgets: an answer that was on its way when the tenant was migrated is not kept.
func TestGuardForgets(t *testing.T) {
	for name, late := range map[string]error{"behind": ErrBehind, "met": nil} {
		var g guard
		v, err := g.verdict("acme")
		if err != nil {
			t.Fatal(err)
		}
		_ = v.ask(t.Context(), func() error {
			g.forget("acme")
			g.keep("acme", v)
			return late
		})
		if next, err := g.verdict("acme"); err != nil || next == v {
			t.Errorf("%s: the verdict was kept, %v", name, err)
		}
	}
}
