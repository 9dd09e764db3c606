package names

import (
	"strings"
	"testing"
)

func TestValid(t *testing.T) {
	good := []string{
		"a", "1", "acme", "Acme", "acme corp", "a  b", "-", "_", "..", "/", `\`, "a/b", "'; drop table users; --",
		"550e8400-e29b-41d4-a716-446655440000", "user@example.com", "éclair", "e\u0301clair", "名前", "😀",
		"%s", "`", `"`, strings.Repeat("a", 255), strings.Repeat("é", 127),
	}
	for _, id := range good {
		if err := Valid(id); err != nil {
			t.Errorf("Valid(%q) = %v", id, err)
		}
	}
	bad := []struct{ id, want string }{
		{"", "is empty"},
		{strings.Repeat("a", 256), "256 bytes"},
		{strings.Repeat("é", 128), "256 bytes"},
		{"a\xff", "utf-8"},
		{"\xed\xa0\x80", "utf-8"}, // a surrogate
		{" ", "space"},
		{" a", "space"},
		{"a ", "space"},
		{"a\x00", "U+0000 at byte 1"},
		{"a\nb", "U+000A"},
		{"a\r", "U+000D"},
		{"\ta", "U+0009 at byte 0"},
		{"a\x7f", "U+007F"},
		{"a\u0085", "U+0085"},
		{"a\u00a0b", "U+00A0"},
		{"a\u200bb", "U+200B"},
		{"a\u202eb", "U+202E"},
		{"\ufeffa", "U+FEFF"},
		{"a\u2028b", "U+2028"},
		{"a\ufffdb", "U+FFFD"},
		{"a\uffffb", "U+FFFF"},
		{"a\ue000b", "U+E000"},
	}
	for _, c := range bad {
		err := Valid(c.id)
		checkError(t, "Valid", c.id, err, c.want)
	}
}

func TestSlug(t *testing.T) {
	good := []string{
		"a", "acme", "a1", "a_1", "a_b_c", "acme_corp_2", strings.Repeat("a", 40),
		"acme_012345678abcdef",    // 15 characters after the underscore
		"acme_0123456789abcdefg",  // 17
		"acme_0123456789abcdew",   // 16, but w is not in the alphabet
		"acme_01234567_9abcdef",   // 16, but with an underscore
		"a0123456789abcdef",       // 16, but without an underscore before
		"acme_0123456789abcdef_x", // not at the end
		"tenancy", "publics", "pg", "db_x",
	}
	for _, s := range good {
		if !Slug(s) {
			t.Errorf("Slug(%q) = false", s)
		}
	}
	bad := []string{
		"", "_", "__", "_a", "a_", "a__b", "1", "1a", "A", "aB", "a-b", "a.b", "a b", "a/b", "é", "aé", "a\x00",
		"a\n", strings.Repeat("a", 41), "db_",
		"acme_0123456789abcdef", "x_vvvvvvvvvvvvvvvv", "a_b_0000000000000000", "_0123456789abcdef",
		"public", "pg_x", "sys", "tenancy_x", "db_owner",
	}
	for _, s := range bad {
		if Slug(s) {
			t.Errorf("Slug(%q) = true", s)
		}
	}
}

func TestBase(t *testing.T) {
	long := strings.Repeat("a", 41)
	cases := []struct{ id, slug, want string }{
		{"acme", "", "acme"},
		{"acme", "acme", "acme"},
		{"acme_corp", "", "acme_corp"},
		// The first 80 bits of SHA-256, worked out independently.
		{"1", "", "x1_de3b4svv6jue37bb"},
		{"1", "acme", "acme_de3b4svv6jue37bb"},
		{"2", "acme", "acme_qhplseh6bobeto1v"},
		{"Acme", "", "acme_6s1mpm7pehmj6k1o"},
	}
	for _, c := range cases {
		if got, err := Base(c.id, c.slug); got != c.want || err != nil {
			t.Errorf("Base(%q, %q) = %q, %v, want %q", c.id, c.slug, got, err, c.want)
		}
	}
	stems := []struct{ id, slug, want string }{
		{"Acme", "", "acme"},
		{"Acme, Inc.", "", "acme_inc"},
		{"x  y", "", "x_y"},
		{"--acme--", "", "acme"},
		{"a__b", "", "a_b"},
		{"a_-_b", "", "a_b"},
		{"éclair", "", "clair"},
		{"caf\u00e9 noir", "", "caf_noir"},
		{"\u212aelvin", "", "elvin"}, // the Kelvin sign is not a k
		{"名前", "", "x"},
		{"_", "", "x"},
		{"42", "", "x42"},
		{"4you", "", "x4you"},
		{"_4you", "", "x4you"},
		{"../../etc/passwd", "", "etc_passwd"},
		{"a.db", "", "a_db"},
		{"public", "", "public"},
		{"pg_x", "", "pg_x"},
		{"tenancy_tenants", "", "tenancy_tenants"},
		{"acme_0123456789abcdef", "", "acme_0123456789abcdef"},
		{"acme_0123456789abcdef", "acme_0123456789abcdef", "acme_0123456789abcdef"},
		{"1", "acme_0123456789abcdef", "acme_0123456789abcdef"},
		{"acme", "other", "other"},
		{long, "", long[:24]},
		{strings.Repeat("a", 24) + "-b", "", strings.Repeat("a", 24)},
		{strings.Repeat("a", 23) + "-b", "", strings.Repeat("a", 23)},
		{strings.Repeat("a", 22) + "-bc", "", strings.Repeat("a", 22) + "_b"},
		{"1", strings.Repeat("a_", 19) + "bc", strings.Repeat("a_", 11) + "a"},
	}
	for _, c := range stems {
		got, err := Base(c.id, c.slug)
		if err != nil || !hashedForm(got) || got[:len(got)-hashLen-1] != c.want {
			t.Errorf("Base(%q, %q) = %q, %v, want the stem %q", c.id, c.slug, got, err, c.want)
		}
	}
	bad := []struct{ id, slug, want string }{
		{"", "", "is empty"},
		{"", "acme", "is empty"},
		{"a\n", "acme", "unprintable"},
		{"1", "A", "leave Slug empty or use lower-case letters, digits and single underscores"},
		{"A", "A", "leave Slug empty"},
		{"acme", "a__b", "leave Slug empty"},
		{"1", "a_", "leave Slug empty"},
		{"1", "_a", "leave Slug empty"},
		{"1", "1a", "leave Slug empty"},
		{"1", "a b", "leave Slug empty"},
		{"1", " ", "leave Slug empty"},
		{"1", long, "41 bytes"},
		{"1", "public", "leave Slug empty or use lower-case letters, digits and single underscores"},
		{"public", "public", "belongs to a database system"},
		{"1", "pg_x", "belongs to a database system"},
	}
	for _, c := range bad {
		got, err := Base(c.id, c.slug)
		if got != "" {
			t.Errorf("Base(%q, %q) = %q with an error", c.id, c.slug, got)
		}
		checkError(t, "Base", c.id+","+c.slug, err, c.want)
	}
}

func TestOverride(t *testing.T) {
	good := []string{"a", "A", "_", "_a", "a-b", "a--b", "Acme_Corp-2", "tenant_acme", "publics", "a_", strings.Repeat("a", 63)}
	for _, name := range good {
		if err := Override(name, 63); err != nil {
			t.Errorf("Override(%q) = %v", name, err)
		}
	}
	bad := []struct{ name, want string }{
		{"", "is empty"},
		{"1a", "begins with '1'"},
		{"-a", "begins with '-'"},
		{"é", "begins with 'é'"},
		{"aé", "'é' at byte 1"},
		{"a.b", "'.' at byte 1"},
		{"a/b", "'/'"},
		{`a\b`, `'\\'`},
		{"a b", "' '"},
		{"a\"b", "'\"'"},
		{"a`b", "'`'"},
		{"a;b", "';'"},
		{"a\x00", `'\x00'`},
		{"a\xff", "at byte 1"},
		{"Public", "belongs to a database system"},
		{"PG_x", "belongs to a database system"},
		{strings.Repeat("a", 64), "64 bytes"},
	}
	for _, c := range bad {
		err := Override(c.name, 63)
		checkError(t, "Override", c.name, err, c.want)
	}
	if err := Override(strings.Repeat("a", 1000), 0); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

func TestReserved(t *testing.T) {
	yes := []string{
		"public", "PUBLIC", "Public", "information_schema", "INFORMATION_SCHEMA", "pg_", "pg_catalog", "PG_Toast",
		"postgres", "template0", "template1", "mysql", "sys", "performance_schema", "master", "model", "msdb",
		"tempdb", "main", "temp", "sqlite_", "sqlite_master", "SQLITE_x", "dbo", "guest", "db_owner", "DB_Owner",
		"db_accessadmin", "db_securityadmin", "db_ddladmin", "db_backupoperator", "db_datareader", "db_datawriter",
		"db_denydatareader", "db_denydatawriter", "tenancy_", "tenancy_tenants", "Tenancy_x",
	}
	for _, name := range yes {
		if !Reserved(name) {
			t.Errorf("Reserved(%q) = false", name)
		}
	}
	no := []string{"", "a", "pg", "pgx", "publi", "public_", "sqlite", "tenancy", "tenant_acme", "db_x", "t_a__b", "x_pg_"}
	for _, name := range no {
		if Reserved(name) {
			t.Errorf("Reserved(%q) = true", name)
		}
	}
}

func TestContainerAndPrefix(t *testing.T) {
	if got := Container("acme"); got != "tenant_acme" {
		t.Errorf("Container = %q", got)
	}
	if got := Prefix("acme"); got != "t_acme__" {
		t.Errorf("Prefix = %q", got)
	}
}

func TestLimits(t *testing.T) {
	for dialect, want := range map[string]int{
		"postgres": 63, "mysql": 64, "sqlserver": 128, "sqlite": 0, "": 63, "oracle": 63, "MySQL": 63,
	} {
		if got := Limit(dialect); got != want {
			t.Errorf("Limit(%q) = %d, want %d", dialect, got, want)
		}
	}
	fit := []struct{ dialect, name string }{
		{"postgres", ""},
		{"postgres", strings.Repeat("a", 63)},
		{"postgres", strings.Repeat("é", 31)},
		{"other", strings.Repeat("a", 63)},
		{"mysql", strings.Repeat("a", 64)},
		{"mysql", strings.Repeat("é", 64)},
		{"mysql", strings.Repeat("😀", 64)},
		{"sqlserver", strings.Repeat("a", 128)},
		{"sqlserver", strings.Repeat("é", 128)},
		{"sqlserver", strings.Repeat("\uffff", 128)},
		{"sqlserver", strings.Repeat("😀", 64)},
		{"sqlite", strings.Repeat("a", 5000)},
	}
	for _, c := range fit {
		if err := Fits(c.dialect, c.name); err != nil {
			t.Errorf("Fits(%q, %q) = %v", c.dialect, c.name, err)
		}
	}
	tooLong := []struct{ dialect, name, length, limit string }{
		{"postgres", strings.Repeat("a", 64), "64 bytes", "63"},
		{"postgres", strings.Repeat("é", 32), "64 bytes", "63"},
		{"other", strings.Repeat("a", 64), "64 bytes", "63"},
		{"mysql", strings.Repeat("é", 65), "65 characters", "64"},
		{"sqlserver", strings.Repeat("a", 129), "129 utf-16", "128"},
		{"sqlserver", strings.Repeat("😀", 65), "130 utf-16", "128"},
	}
	for _, c := range tooLong {
		err := Fits(c.dialect, c.name)
		checkError(t, "Fits", c.name, err, c.length)
		checkError(t, "Fits", c.name, err, c.dialect+" allows "+c.limit)
		checkError(t, "Fits", c.name, err, c.name)
	}
}

// TestFitsEverywhere checks that the name of every tenant fits in each system,
// and how much of it is left for the names of tables.
func TestFitsEverywhere(t *testing.T) {
	for _, id := range []string{strings.Repeat("a", maxSlug), strings.Repeat("a", maxID)} {
		base, err := Base(id, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, dialect := range []string{"postgres", "mysql", "sqlserver", "sqlite", "other"} {
			if err := Fits(dialect, Container(base)); err != nil {
				t.Error(err)
			}
			if err := Fits(dialect, Prefix(base)+"subscription_items"); err != nil { // 18 bytes
				t.Error(err)
			}
		}
	}
}

func checkError(t *testing.T, what, input string, err error, want string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s(%q) is no error, want one with %q", what, input, want)
	case !strings.Contains(err.Error(), want):
		t.Errorf("%s(%q) = %q, want %q in it", what, input, err, want)
	case !isLower(err.Error()[0]):
		t.Errorf("%s(%q) = %q does not begin in lower case", what, input, err)
	}
}

// TestLogical: what Prefix puts before a table comes off again, and nothing else does.
func TestLogical(t *testing.T) {
	for table, want := range map[string]string{
		Prefix("acme") + "users": "users", Prefix("a_b") + "t_c": "t_c", Prefix("acme") + "x__y": "x__y",
		"users": "", "t_users": "", "at_acme__users": "", "tenancy_tenants": "",
	} {
		logical, prefixed := Logical(table)
		if prefixed != (want != "") || prefixed && logical != want || !prefixed && logical != table {
			t.Errorf("Logical(%q) = %q, %t", table, logical, prefixed)
		}
	}
}
