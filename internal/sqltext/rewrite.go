package sqltext

import "strings"

// Resolution is what a Resolver says of a table's name.
type Resolution uint8

const (
	// Unknown means that the name is no table's.
	Unknown Resolution = iota
	// Keep means that the table has that name in the database.
	Keep
	// Rename means that the table has another name in the database.
	Rename
)

// Rewriter replaces the names of tables in statements. Its zero value is
// unusable: Quote and Resolve are required. It is safe for concurrent use
// when its functions are.
type Rewriter struct {
	// Quote quotes an identifier for the dialect.
	Quote func(name string) string
	// Resolve says what the unquoted name of a table stands for.
	Resolve func(name string) (physical string, r Resolution)
	// InsertAlias tells that the dialect allows INSERT INTO t AS a.
	InsertAlias bool
}

// Rewrite returns query with every reference to a table that Resolve renames
// replaced by its physical name. A reference without an alias gets the name
// it had as its alias, so that users.name still resolves. A query without
// such a reference is returned as it is. Anything uncertain is a *Refusal.
func (r *Rewriter) Rewrite(query string) (string, error) {
	if r.Quote == nil || r.Resolve == nil {
		return "", refusal(query, faultSetup, 0, 0)
	}
	w := newWalker(query, "")
	defer w.release()
	w.walk()
	if w.fault != noFault {
		return "", refusal(query, w.fault, w.start, w.end)
	}
	var out strings.Builder
	copied := 0
	for i := range w.refs {
		ref := &w.refs[i]
		if ref.role == roleDerived {
			continue
		}
		name := ref.text(query)
		physical, resolution := r.Resolve(name)
		rename, f := renames(ref, resolution)
		if f != noFault {
			return "", refusal(query, f, ref.start, ref.end)
		}
		if !rename {
			continue
		}
		if copied == 0 {
			out.Grow(len(query) + len(w.refs)*(len(physical)+2*len(name)))
		}
		replacement := r.Quote(physical)
		if r.needsAlias(ref) {
			replacement += " AS " + r.Quote(name)
		}
		out.WriteString(query[copied:ref.start])
		writeApart(&out, query[:ref.start], replacement, query[ref.end:])
		copied = ref.end
	}
	if copied == 0 {
		return query, nil
	}
	out.WriteString(query[copied:])
	return out.String(), nil
}

// writeApart writes a replacement between two texts, with a space where the
// two would otherwise run into it.
func writeApart(out *strings.Builder, before, replacement, after string) {
	if before != "" && replacement != "" && sticks(before[len(before)-1], replacement[0]) {
		out.WriteByte(' ')
	}
	out.WriteString(replacement)
	if after != "" && replacement != "" && sticks(replacement[len(replacement)-1], after[0]) {
		out.WriteByte(' ')
	}
}

// sticks reports whether two bytes next to each other read as one token.
func sticks(a, b byte) bool {
	return wordByte[a] && wordByte[b] || a == b && (a == '"' || a == '`')
}

// renames reports whether a reference is replaced, or why it cannot be told.
func renames(ref *reference, resolution Resolution) (bool, fault) {
	switch {
	case ref.role == roleCommon:
		return false, noFault
	case ref.role == roleDeclared && resolution != Unknown:
		return false, faultCommon
	case ref.role == roleFunction && resolution == Rename:
		return false, faultTableFunction
	case !ref.isTable():
		return false, noFault
	case resolution == Keep:
		return false, noFault
	case resolution != Rename:
		return false, faultUnknown
	case ref.qualified:
		return false, faultQualified
	}
	return true, noFault
}

// needsAlias reports whether the name that is replaced goes on as an alias.
func (r *Rewriter) needsAlias(ref *reference) bool {
	if ref.aliased {
		return false
	}
	return ref.role != roleInsert || ref.conflict && r.InsertAlias
}
