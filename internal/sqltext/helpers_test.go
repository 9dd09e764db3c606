package sqltext

import (
	"errors"
	"strings"
	"testing"
)

// quoteName quotes a name as SQLite and PostgreSQL do.
func quoteName(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// resolveName renames three tables of a tenant and keeps a shared one.
func resolveName(name string) (string, Resolution) {
	switch name {
	case "users", "orders", "items":
		return "t_acme__" + name, Rename
	case "plans", "main.plans", "t_acme__users", "t_acme__orders", "t_acme__items":
		return name, Keep
	case "main.users":
		return "t_acme__users", Rename
	}
	return "", Unknown
}

// ownedName says of the same tables which belong to a tenant.
func ownedName(name string) (owned, known bool) {
	_, r := resolveName(name)
	return r == Rename, r != Unknown
}

func testRewriter() *Rewriter {
	return &Rewriter{Quote: quoteName, Resolve: resolveName, InsertAlias: true}
}

// expand writes [users] in place of the text a renamed reference gets, and
// [users!] in place of the name alone.
func expand(s string) string {
	for _, name := range []string{"users", "orders", "items"} {
		s = strings.ReplaceAll(s, "["+name+"]", `"t_acme__`+name+`" AS "`+name+`"`)
		s = strings.ReplaceAll(s, "["+name+"!]", `"t_acme__`+name+`"`)
	}
	return s
}

// wantRefusal checks that err is a *Refusal whose reason contains a text.
func wantRefusal(t *testing.T, query string, err error, reason string) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("%s\n got %v, want a refusal", query, err)
	}
	if !strings.Contains(refusal.Error(), reason) {
		t.Errorf("%s\n got %q, want %q", query, refusal.Error(), reason)
	}
}
