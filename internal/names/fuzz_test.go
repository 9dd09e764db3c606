package names

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzBase(f *testing.F) {
	f.Add("acme", "", "Acme", "")
	f.Add("1", "acme", "2", "acme")
	f.Add("acme", "", "1", "acme")
	f.Add("a_b", "", "a-b", "")
	f.Add("acme_0123456789abcdef", "", "1", "acme_0123456789abcdef")
	f.Add(strings.Repeat("a", 255), "", strings.Repeat("a", 254), "a_b")
	f.Add("é", "x", "\u212a", "k")
	f.Add("public", "", "PUBLIC", "pg_x")
	f.Fuzz(func(t *testing.T, id1, slug1, id2, slug2 string) {
		base1, ok1 := fuzzedBase(t, id1, slug1)
		base2, ok2 := fuzzedBase(t, id2, slug2)
		if ok1 && ok2 {
			differ(t, id1, base1, id2, base2)
		}
		// A tenant whose ID is the base of another.
		if ok1 {
			base3, ok3 := fuzzedBase(t, base1, "")
			if !ok3 {
				t.Fatalf("base %q is not an id", base1)
			}
			differ(t, id1, base1, base1, base3)
		}
	})
}

// fuzzedBase returns a base after checking that it is well formed, or that it
// failed for a reason.
func fuzzedBase(t *testing.T, id, slug string) (string, bool) {
	base, err := Base(id, slug)
	again, errAgain := Base(strings.Clone(id), strings.Clone(slug))
	if base != again || (err == nil) != (errAgain == nil) {
		t.Fatalf("Base(%q, %q) = %q, %v, then %q, %v", id, slug, base, err, again, errAgain)
	}
	refused := Valid(id) != nil || slug != "" && (!slugForm(slug) || Reserved(slug))
	if refused != (err != nil) {
		t.Fatalf("Base(%q, %q) = %q, %v", id, slug, base, err)
	}
	if err != nil {
		if base != "" {
			t.Fatalf("Base(%q, %q) = %q with the error %v", id, slug, base, err)
		}
		return "", false
	}
	checkBase(t, base)
	if (base == id) == hashedForm(base) {
		t.Fatalf("Base(%q, %q) = %q is neither or both of slug and hashed", id, slug, base)
	}
	return base, true
}

// differ fails when different IDs share a name, ignoring case.
func differ(t *testing.T, id1, base1, id2, base2 string) {
	if id1 == id2 {
		return
	}
	if strings.EqualFold(base1, base2) ||
		strings.EqualFold(Container(base1), Container(base2)) ||
		strings.HasPrefix(strings.ToLower(Prefix(base1)), strings.ToLower(Prefix(base2))) ||
		strings.HasPrefix(strings.ToLower(Prefix(base2)), strings.ToLower(Prefix(base1))) {
		t.Fatalf("%q and %q share a name: %q and %q", id1, id2, base1, base2)
	}
}

func FuzzPrefix(f *testing.F) {
	f.Add("a", "_x", "a_", "x")
	f.Add("a", "b__users", "a__b", "users")
	f.Add("a", "", "a", "_")
	f.Add("a", "__", "a_", "_")
	f.Add("1", "users", "x", "users")
	f.Fuzz(func(t *testing.T, id1, table1, id2, table2 string) {
		base1, err1 := Base(id1, "")
		base2, err2 := Base(id2, "")
		if err1 != nil || err2 != nil {
			return
		}
		full1, full2 := Prefix(base1)+table1, Prefix(base2)+table2
		if base, table, ok := parse(full1); !ok || base != base1 || table != table1 {
			t.Fatalf("%q reads as %q and %q, want %q and %q", full1, base, table, base1, table1)
		}
		if (full1 == full2) != (id1 == id2 && table1 == table2) {
			t.Fatalf("%q of %q and %q, %q of %q and %q", full1, id1, table1, full2, id2, table2)
		}
		if id1 != id2 && strings.EqualFold(full1, full2) {
			t.Fatalf("%q and %q share the table %q", id1, id2, full1)
		}
	})
}

func FuzzOverride(f *testing.F) {
	f.Add("acme", 63)
	f.Add("Acme-2", 0)
	f.Add("public", 63)
	f.Add("a.b", 128)
	f.Add("a\xff", -1)
	f.Fuzz(func(t *testing.T, name string, limit int) {
		const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
		const rest = first + "0123456789-"
		want := name != "" && strings.Trim(name[:1], first) == "" && utf8.ValidString(name) &&
			!strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(rest, r) }) &&
			(limit <= 0 || len(name) <= limit) &&
			!Reserved(name)
		err := Override(name, limit)
		if (err == nil) != want {
			t.Fatalf("Override(%q, %d) = %v", name, limit, err)
		}
		if err == nil && (Reserved(strings.ToUpper(name)) || Reserved(strings.ToLower(name))) {
			t.Fatalf("Override(%q) is reserved in another case", name)
		}
		if err != nil && !utf8.ValidString(err.Error()) {
			t.Fatalf("Override(%q) = %q", name, err)
		}
	})
}
