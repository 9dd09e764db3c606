package names

import "testing"

func TestBaseOfSlugDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { sink, _ = Base("acme_corp_42", "") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { Slug("Not-A-Slug") }); n != 0 {
		t.Errorf("Slug: %v allocations", n)
	}
}

var sink string

func BenchmarkBase(b *testing.B) {
	for _, c := range []struct{ name, id, slug string }{
		{"slug", "acme_corp_42", ""},
		{"hashed", "550e8400-e29b-41d4-a716-446655440000", ""},
		{"hashed with slug", "550e8400-e29b-41d4-a716-446655440000", "acme"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink, _ = Base(c.id, c.slug)
			}
		})
	}
}
