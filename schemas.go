package tenancy

import (
	"slices"
	"strings"

	"github.com/gormtenancy/tenancy/internal/names"
	"github.com/gormtenancy/tenancy/internal/sqltext"
)

// inspectSchemas refuses a text that names another tenant's schema, or the common tables
// of others: by hand, or by a subquery that was built with another tenant's context. What
// names no schema goes where search_path leads.
func (r *route) inspectSchemas(query string, built bool) error {
	named := r.namesForeignSchema(query)
	if !named && (!built || strings.Count(query, "SELECT ") < 2) {
		return nil
	}
	foreign := false
	rewriter := sqltext.Rewriter{Quote: r.in.quote, Resolve: func(name string) (string, sqltext.Resolution) {
		schema, table, qualified := strings.Cut(name, ".")
		if !qualified || r.mayName(schema, table) {
			return name, sqltext.Keep
		}
		foreign = true
		return "", sqltext.Unknown
	}}
	if _, err := rewriter.Rewrite(query); foreign || err != nil && named {
		return r.refusal(err, "the text names a schema that is not the tenant's; leave schemas out, search_path finds the tenant's, or use WithRawSQL")
	}
	return nil
}

// mayName reports whether a text of the tenant may name a table in a schema. What is common
// to all is free for all; common tables that others have their rows in are not.
func (r *route) mayName(schema, table string) bool {
	own := r.binding.Names.Schema
	switch {
	case own != "" && schema == own:
		return true
	case r.in.isCommonSchema(schema):
		return own == "" || r.in.IsShared(table) || r.in.IsShared(schema+"."+table)
	default:
		return schema == r.binding.Names.Shared || names.Reserved(schema)
	}
}

func (in *Installation) isCommonSchema(name string) bool {
	return slices.ContainsFunc(in.commonSchemas, func(common string) bool { return strings.EqualFold(common, name) })
}

// namesForeignSchema reports whether a text qualifies anything by the name of a schema
// that may be foreign.
func (r *route) namesForeignSchema(query string) bool {
	lower, own := strings.ToLower(query), r.binding.Names.Schema
	if qualifies(lower, names.SchemaPrefix, func(name string) bool { return name != own }) {
		return true
	}
	return own != "" && slices.ContainsFunc(r.in.commonSchemas, func(common string) bool {
		return qualifies(lower, common, func(name string) bool { return name == common })
	})
}

// qualifies reports whether a text in lower case qualifies anything by a name that begins
// with stem and matches.
func qualifies(lower, stem string, matches func(name string) bool) bool {
	for at := 0; ; {
		next := strings.Index(lower[at:], stem)
		if next < 0 || stem == "" {
			return false
		}
		begin := at + next
		for at = begin + len(stem); at < len(lower) && inWord(lower[at]); {
			at++
		}
		if begin > 0 && inWord(lower[begin-1]) || !matches(lower[begin:at]) {
			continue
		}
		after := strings.TrimLeft(lower[at:], "\" \t\r\n\f\v")
		if strings.HasPrefix(after, ".") || strings.HasPrefix(after, "/*") || strings.HasPrefix(after, "--") {
			return true
		}
	}
}

func inWord(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}
