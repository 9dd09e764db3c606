package names

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// adversarial lists IDs made to meet each other's names.
func adversarial() []string {
	ids := []string{
		"a", "A", "a_", "_a", "a__", "a__b", "a_b", "a-b", "a.b", "a b", "a/b", "ab", "a_b_", "a___b", "1", "01", "x", "x1",
		"acme", "Acme", "ACME", "acme ltd", "acme_ltd", "acme-ltd", "acme_0123456789abcdef", "acme_0123456789abcdeg",
		"tenant_acme", "t_acme", "t_acme__", "t_acme__users", "acme__users", "x_0000000000000000", "public", "Public",
		"pg_x", "sqlite_x", "tenancy_x", "main", "é", "e\u0301", "É", "ß", "ss", "ſ", "s", "K", "k", "\u212a", "ı", "i", "İ",
		"..", "../a", "a.db", `a\b`, "con", "nul", "NUL", "com1", "aux.db", "~", "$HOME", "%2e%2e", "-rf", "#", "a#b",
		strings.Repeat("a", 24), strings.Repeat("a", 25), strings.Repeat("a", 40), strings.Repeat("a", 41),
		strings.Repeat("a", 254), strings.Repeat("a", 255),
	}
	// The bases of these IDs, and bases of bases, are IDs as well.
	for round := 0; round < 2; round++ {
		for _, id := range ids {
			for _, slug := range []string{"", "acme", "a", "x", "acme_0123456789abcdef"} {
				base, err := Base(id, slug)
				if err != nil {
					panic(err)
				}
				ids = append(ids, base)
			}
		}
		ids = unique(ids)
	}
	return ids
}

func unique(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// owners remembers which ID has a name, ignoring case.
type owners map[string]string

func (o owners) add(t *testing.T, name, id string) {
	t.Helper()
	name = strings.ToLower(name)
	if other, taken := o[name]; taken && other != id {
		t.Fatalf("%q belongs to %q and %q", name, other, id)
	}
	o[name] = id
}

func TestAdversarialIDsShareNoName(t *testing.T) {
	bases, containers, prefixes := owners{}, owners{}, owners{}
	ids := adversarial()
	for _, id := range ids {
		for _, slug := range []string{"", "a", "x", "acme", "acme_ltd", "acme_0123456789abcdef", id} {
			base, err := Base(id, slug)
			if err != nil {
				if slug == id && checkSlug(slug) != nil {
					continue
				}
				t.Fatalf("Base(%q, %q): %v", id, slug, err)
			}
			checkBase(t, base)
			bases.add(t, base, id)
			containers.add(t, Container(base), id)
			prefixes.add(t, Prefix(base), id)
		}
	}
	t.Logf("%d ids", len(ids))
}

func TestRandomIDsShareNoName(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	names := owners{}
	for range 200_000 {
		id := randomString(rng, 12)
		if Valid(id) != nil {
			continue
		}
		slug := ""
		if s := randomString(rng, 4); rng.IntN(2) == 0 && checkSlug(s) == nil {
			slug = s
		}
		base, err := Base(id, slug)
		if err != nil {
			t.Fatal(err)
		}
		checkBase(t, base)
		names.add(t, base, id)
	}
}

// randomString has few distinct characters, so that IDs are often close.
func randomString(rng *rand.Rand, limit int) string {
	const alphabet = "aaabAB__01- .é"
	runes := []rune(alphabet)
	var b strings.Builder
	for range 1 + rng.IntN(limit) {
		b.WriteRune(runes[rng.IntN(len(runes))])
	}
	return b.String()
}

// TestSlugsAreBases checks what lets Base skip Valid, on all short strings.
func TestSlugsAreBases(t *testing.T) {
	const alphabet = "av09_A-\x00"
	var walk func(s string, depth int)
	walk = func(s string, depth int) {
		base, err := Base(s, "")
		if Slug(s) != (base == s && err == nil) {
			t.Fatalf("Slug(%q) = %v, but its base is %q, %v", s, Slug(s), base, err)
		}
		if Slug(s) && Valid(s) != nil {
			t.Fatalf("the slug %q is not valid: %v", s, Valid(s))
		}
		if depth == 0 {
			return
		}
		for i := range len(alphabet) {
			walk(s+alphabet[i:i+1], depth-1)
		}
	}
	walk("", 6)
}

// TestPrefixParsesBack proves on adversarial pairs that prefix + table has one
// reading, and that no prefix begins another.
func TestPrefixParsesBack(t *testing.T) {
	var bases []string
	for _, id := range adversarial()[:120] {
		base, err := Base(id, "")
		if err != nil {
			t.Fatal(err)
		}
		bases = append(bases, base)
	}
	bases = unique(bases)
	tables := []string{
		"", "x", "_", "__", "___", "_x", "__x", "x_", "x__", "x__y", "_x__y_", "t_a__x", "b__users", "_b__users", "users",
	}
	seen := map[string][2]string{}
	for _, base := range bases {
		for _, table := range tables {
			full := Prefix(base) + table
			gotBase, gotTable, ok := parse(full)
			if !ok || gotBase != base || gotTable != table {
				t.Errorf("%q reads as %q and %q, want %q and %q", full, gotBase, gotTable, base, table)
			}
			pair := [2]string{base, table}
			if other, taken := seen[full]; taken && other != pair {
				t.Errorf("%q is both %q and %q", full, other, pair)
			}
			seen[full] = pair
		}
		for _, other := range bases {
			if base != other && strings.HasPrefix(Prefix(other), Prefix(base)) {
				t.Errorf("the prefix of %q begins that of %q", base, other)
			}
		}
	}
}

// parse is the inverse of Prefix(base) + table.
func parse(full string) (base, table string, ok bool) {
	rest, ok := strings.CutPrefix(full, tablePrefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, Separator)
}

// checkBase fails unless base has every property that the package promises.
func checkBase(t *testing.T, base string) {
	t.Helper()
	if err := baseProblem(base); err != nil {
		t.Fatal(err)
	}
}

func baseProblem(base string) error {
	container := Container(base)
	switch {
	case base == "" || len(base) > maxSlug+1+hashLen:
		return fmt.Errorf("base %q has %d bytes", base, len(base))
	case strings.ContainsFunc(base, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_", r) }):
		return fmt.Errorf("base %q leaves the character set", base)
	case !isLower(base[0]):
		return fmt.Errorf("base %q does not begin with a letter", base)
	case strings.HasSuffix(base, "_"), strings.Contains(base, Separator):
		return fmt.Errorf("base %q has an underscore too many", base)
	case Reserved(container), Reserved(Prefix(base)):
		return fmt.Errorf("base %q makes a reserved name", base)
	case !filepath.IsLocal(container + ".db"):
		return fmt.Errorf("file %q is not local", container+".db")
	}
	for _, dialect := range []string{"postgres", "mysql", "sqlserver", "sqlite"} {
		if err := Fits(dialect, container); err != nil {
			return err
		}
	}
	return nil
}
