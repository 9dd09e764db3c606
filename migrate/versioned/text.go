package versioned

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/names"
)

// text is a migration's file as its words.
type text struct {
	file  string
	words []word
}

func readTexts(files fs.FS, paths []string) ([]text, error) {
	texts := make([]text, 0, len(paths))
	for _, path := range paths {
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text{path, wordsOf(string(content))})
	}
	return texts, nil
}

// place is where a tenant's migrations belong, among schemas.
type place struct {
	common   map[string]bool // schemas that every tenant's path leads to
	shared   string          // the shared models' schema
	isShared func(table string) bool
	others   map[string]bool // all other schemas
}

// leaves says what in a text leads out of the tenant's schema. Empty: nothing. Migrations
// are the same for all tenants, so that a schema that is named is the wrong one for all
// but one at best.
func (p *place) leaves(words []word) string {
	for i, w := range words {
		switch {
		case w.quote == '\'' && !strings.Contains(strings.ToLower(w.text), "search_path"):
		case strings.Contains(strings.ToLower(w.text), "search_path"):
			return "search_path is set for the tenant already"
		case w.quote == 0 && strings.EqualFold(w.text, "schema"):
			return "it says SCHEMA; a migration works in the tenant's schema and on no other (quote a column of that name)"
		case i+2 < len(words) && words[i+1].text == "." && words[i+1].quote == 0 && p.foreign(words, i):
			return fmt.Sprintf("it names the schema %s; leave schemas out, search_path finds the tenant's", w.text)
		}
	}
	return ""
}

// foreign reports whether the name at i, before a dot, is a schema that is not the
// tenant's to use.
func (p *place) foreign(words []word, i int) bool {
	name := words[i].name()
	if i > 0 && words[i-1].text == "." || p.common[name] || !p.others[name] && !strings.HasPrefix(name, names.SchemaPrefix) {
		return false
	}
	return name != p.shared || !p.isShared(words[i+2].name()) || !reading(words, i)
}

// reading reports whether a table at i is only read or referred to.
func reading(words []word, i int) bool {
	if i == 0 {
		return false
	}
	switch words[i-1].name() {
	case "references", "join":
		return true
	case "from":
		return i < 2 || words[i-2].name() != "delete"
	default:
		return false
	}
}

// inspect refuses migrations that would leave the tenant's schema.
func inspect(texts []text, p *place) error {
	for _, t := range texts {
		if why := p.leaves(t.words); why != "" {
			return &tenancy.Error{Kind: tenancy.ErrRawSQL, Detail: fmt.Sprintf("the migration %s leaves the tenant: %s", t.file, why)}
		}
	}
	return nil
}
