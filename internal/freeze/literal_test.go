package freeze

import (
	"strings"
	"testing"
)

func TestLiteral(t *testing.T) {
	for _, c := range []struct{ value, standard, postgres string }{
		{"", `''`, `''`},
		{"acme", `'acme'`, `'acme'`},
		{"o'hara", `'o''hara'`, `'o''hara'`},
		{"'", `''''`, `''''`},
		{`a\b`, `'a\b'`, ` E'a\\b'`},
		{`\'`, `'\'''`, ` E'\\'''`},
		{`\' OR 1=1 --`, `'\'' OR 1=1 --'`, ` E'\\'' OR 1=1 --'`},
	} {
		if got := Literal(c.value); got != c.standard {
			t.Errorf("Literal(%q) = %s, want %s", c.value, got, c.standard)
		}
		if got := PostgresLiteral(c.value); got != c.postgres {
			t.Errorf("PostgresLiteral(%q) = %s, want %s", c.value, got, c.postgres)
		}
	}
}

// FuzzLiteral reads each literal as the databases do: it ends where it should, and has
// the value that it was made of, whatever standard_conforming_strings says.
func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{"", "acme", "o'hara", `\`, `\'`, `''\\`, "é\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if got, ok := read(Literal(value), false); !ok || got != value {
			t.Errorf("Literal(%q) reads %q, %v", value, got, ok)
		}
		literal := PostgresLiteral(value)
		text, escapes := strings.CutPrefix(literal, " E")
		for _, conforming := range []bool{true, false} {
			if got, ok := read(text, escapes || !conforming); !ok || got != value {
				t.Errorf("PostgresLiteral(%q) = %s reads %q, %v", value, literal, got, ok)
			}
		}
	})
}

// read is the value of a literal, and whether it is one from end to end.
func read(literal string, escapes bool) (string, bool) {
	rest, ok := strings.CutPrefix(literal, "'")
	if !ok {
		return "", false
	}
	var value strings.Builder
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "''"), escapes && strings.HasPrefix(rest, `\\`):
			value.WriteByte(rest[0])
			rest = rest[2:]
		case rest[0] == '\'':
			return value.String(), rest == "'"
		case escapes && rest[0] == '\\':
			return "", false
		default:
			value.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return "", false
}
