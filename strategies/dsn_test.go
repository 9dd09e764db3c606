package strategies

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// hostileNames are no names of databases that this package makes, but whatever it was given
// has to reach the database of that name, or none.
var hostileNames = []string{
	"tenant_acme", "a b", "a'b", `a\b`, `a"b`, "a?sslmode=disable", "a&user=root", "a#b", "a%2fb", "a@b", "a=b", "a b=c", "ünïcode",
	"a' user='root", "a/b", "/a", "//a", "a:b", "a)b", "a?multiStatements=true", "..", "../a", "a\\", "' dbname=postgres", "@host", "tcp(evil:3306)/mysql", "💡", "a&x=y", "a--", "a;b", "a`b",
}

func TestPostgresAddress(t *testing.T) {
	for _, dsn := range []string{
		"postgres://app:s%40cr%2Fe%25t@db.example:6543/app?sslmode=disable&application_name=a+b",
		"postgresql://app:secret@db.example/?dbname=app&connect_timeout=3",
		`host=db.example port=6543 user=app password='s\'cr e\\t' dbname=app sslmode=disable`,
		"host = db.example user=app password=secret",
	} {
		before, err := pgconn.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		a, err := addressOf("postgres", dsn)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(a.server(), "db.example") || strings.Contains(a.server(), "secret") {
			t.Errorf("%s is on the server %q", dsn, a.server())
		}
		for _, name := range hostileNames {
			after, err := pgconn.ParseConfig(a.with(name))
			if err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			if after.Database != name {
				t.Errorf("%s with %q leads to %q", dsn, name, after.Database)
			}
			if after.Host != before.Host || after.Port != before.Port || after.User != before.User || after.Password != before.Password || len(after.RuntimeParams) != len(before.RuntimeParams) {
				t.Errorf("%s with %q changes more: %s", dsn, name, a.with(name))
			}
		}
	}
}

// TestServers: addresses of different servers have different names, whichever way a DSN says
// where they are. Several spellings of one server are in one row.
func TestServers(t *testing.T) {
	t.Setenv("PGHOST", "standing")
	t.Setenv("PGPORT", "")
	for dialect, rows := range map[string][][]string{
		"postgres": {
			{"postgres://a/db", "postgres:///db?host=a", "host=a dbname=db", "postgres://app:secret@a:5432/", "postgresql://a?port=5432", "host=b host=a", "postgres://b/db?host=b&host=a"},
			{"postgres://b/db", "postgres:///db?host=b"},
			{"postgres:///db", "dbname=db", "", "postgres://standing/db"},
			{"postgres://a:6543/db", "postgres:///db?host=a&port=6543", "host=a port=6543", "postgres://a:1/db?port=6543"},
			{"postgres://a,b/db", "host=a,b"},
			{"postgres://b,a/db", "host='b,a'"},
			{"postgres://a:1,b:2/db", "host=a,b port=1,2"},
			{"postgres://a:2,b:1/db", "host=a,b port=2,1"},
			{"postgres://a/db?hostaddr=10.0.0.1", "host=a hostaddr=10.0.0.1"},
			{"postgres://a/db?hostaddr=10.0.0.2", "host=a hostaddr=10.0.0.2"},
			{"postgres:///db?service=one", "service=one"},
			{"postgres:///db?service=two", "service=two"},
			{"service=two servicefile=/etc/other"},
			{"service=two port=5432"},
			{"postgres:///db?host=/run/one", "host=/run/one", "postgres://%2Frun%2Fone/db", "postgres:///db?host=%2Frun%2Fone"},
			{"host=/run/two"},
			{"host=/run/two port=5433"},
			{"postgres://[::1]:5432/db", "host=::1", "postgres://[::1]/db"},
			{"postgres://[::1]:5433/db", "host=::1 port=5433"},
		},
		"mysql": {
			{"/db", "tcp/", "app:secret@/db", "app:se/cr@et@tcp(127.0.0.1:3306)/", "tcp(127.0.0.1)/db"},
			{"tcp(a)/", "app@tcp(a:3306)/db?parseTime=true"},
			{"tcp(a:3307)/"},
			{"tcp(b)/"},
			{"tcp6(a:3306)/"},
			{"tcp([::1]:3306)/"},
			{"unix/", "unix(/tmp/mysql.sock)/db"},
			{"app:secret@unix(/run/mysqld.sock)/db"},
			{"tunnel(a:3306)/"},
		},
	} {
		row := map[string]int{}
		for i, spellings := range rows {
			for _, dsn := range spellings {
				a, err := addressOf(dialect, dsn)
				if err != nil {
					t.Errorf("%s: %v", dsn, err)
					continue
				}
				if other, known := row[a.server()]; known && other != i {
					t.Errorf("%s is on %q, as %q are", dsn, a.server(), rows[other])
				}
				if row[a.server()] = i; dsn != spellings[0] {
					if first, err := addressOf(dialect, spellings[0]); err != nil || first.server() != a.server() {
						t.Errorf("%s is on %q, and %s is not", dsn, a.server(), spellings[0])
					}
				}
				if strings.Contains(a.server(), "secret") || strings.Contains(a.server(), "app") {
					t.Errorf("%s is on %q", dsn, a.server())
				}
			}
		}
	}
}

// TestUntouched: what a DSN says besides the database stays as it was written, since drivers
// differ in how they read it.
func TestUntouched(t *testing.T) {
	for _, c := range [][3]string{
		{"postgres", "postgres://app@h/db?options=-c%20search_path%3Dx&dbname=y&application_name=a+b;c", "postgres://app@h/new?options=-c%20search_path%3Dx&application_name=a+b;c"},
		{"postgres", "postgresql://h1,[::1]:2/?sslmode=disable", "postgresql://h1,[::1]:2/new?sslmode=disable"},
		{"postgres", "postgres://%2Frun?database=db", "postgres://%2Frun/new"},
		{"postgres", "host=h user='a b' dbname=db TimeZone=Asia/Shanghai", "dbname='new' host=h user='a b' TimeZone=Asia/Shanghai"},
		{"postgres", `host=h database = 'd' password=s\`, `dbname='new' host=h password=s\`},
		{"mysql", "a:/@b@unix(/run/x)/db?loc=Asia%2FTokyo&parseTime=true", "a:/@b@unix(/run/x)/new?loc=Asia%2FTokyo&parseTime=true"},
		{"mysql", "/", "/new"},
	} {
		a, err := addressOf(c[0], c[1])
		if err != nil {
			t.Errorf("%s: %v", c[1], err)
		} else if got := a.with("new"); got != c[2] {
			t.Errorf("%s becomes %s, want %s", c[1], got, c[2])
		}
	}
}

func TestMySQLAddress(t *testing.T) {
	for _, dsn := range []string{
		"app:s@c/r(e)t@tcp(db.example:3307)/app?parseTime=true&loc=Local", "app@tcp(db.example)/", "tcp(db.example:3306)/app",
	} {
		before, err := mysql.ParseDSN(dsn)
		if err != nil {
			t.Fatal(err)
		}
		a, err := addressOf("mysql", dsn)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range hostileNames {
			after, err := mysql.ParseDSN(a.with(name))
			if err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			if after.DBName != name {
				t.Errorf("%s with %q leads to %q", dsn, name, after.DBName)
			}
			after.DBName = before.DBName
			if after.FormatDSN() != before.FormatDSN() {
				t.Errorf("%s with %q changes more: %s", dsn, name, a.with(name))
			}
		}
	}
}

// TestAddressErrors show no password.
func TestAddressErrors(t *testing.T) {
	for dialect, list := range map[string][]string{
		"postgres": {"postgres://app:sesame#more@h/db", "postgres://app:sesame%zz@h/db", "postgres://app:1?sesame@h/db", "postgres://app:sesame@more@h/db", "postgres://h/sesame#db", "password=sesame host", "password='sesame"},
		"mysql":    {"app:sesame", "app:sesame/db", "app@tcp(h)/sesame%zz", "app:sesame@unix(/run/x)", "app:sesame@tcp(h/db", "app:sesame@tcp)h(/db"},
	} {
		for _, dsn := range list {
			if a, err := addressOf(dialect, dsn); err == nil {
				t.Errorf("%s is taken for the server %q", dsn, a.server())
			} else if strings.Contains(err.Error(), "sesame") {
				t.Errorf("%s: %v", dsn, err)
			}
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name, "secret")
	}
	f.Fuzz(func(t *testing.T, name, password string) {
		if strings.ContainsRune(name+password, 0) || name == "" {
			return
		}
		escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
		for _, dsn := range []string{
			"host=h user=u password='" + escape.Replace(password) + "' dbname=app",
			"postgres://u@h/app?dbname=other&password=" + strings.ReplaceAll(url.QueryEscape(password), "+", "%20"),
		} {
			a, err := addressOf("postgres", dsn)
			if err != nil {
				t.Fatal(err)
			}
			config, err := pgconn.ParseConfig(a.with(name))
			if err != nil || config.Database != name || config.Password != password || config.User != "u" || config.Host != "h" {
				t.Fatalf("%q and %q in %s: %v, %+v", name, password, dsn, err, config)
			}
		}
	})
}

// FuzzDSN: whatever DSN both this package and the driver can read, they read alike, and with
// another name it differs in the name alone.
func FuzzDSN(f *testing.F) {
	for _, dsn := range []string{
		"postgres://app:s%40c@h:1,[::1]:2/db?sslmode=disable&options=-c%20a%3Db", "postgresql:///?dbname=db&host=/run&dbname=other", "postgres://h?database=", "postgres://a@b@c/d", "postgres://%2Frun:1?port=2",
		`host=h user = 'a\' b' dbname=db password=c\`, "database=a dbname=b", "host='' port=",
		"app:s@c/r@tcp(h:1)/db?loc=Asia%2FTokyo", "unix(/run/x)/", "/a%2Fb", "@/",
	} {
		f.Add(dsn)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		if a, err := addressOf("postgres", dsn); err == nil {
			if before, err := pgconn.ParseConfig(dsn); err == nil {
				after, err := pgconn.ParseConfig(a.with("new"))
				if err != nil {
					t.Fatalf("%q becomes %q: %v", dsn, a.with("new"), err)
				}
				if after.Database != "new" || before.Database != a.database() {
					t.Fatalf("%q names %q, read as %q; %q names %q", dsn, before.Database, a.database(), a.with("new"), after.Database)
				}
				if !alike(before, after) {
					t.Fatalf("%q and %q: %+v, %+v", dsn, a.with("new"), before, after)
				}
			}
		}
		if a, err := addressOf("mysql", dsn); err == nil {
			if before, err := mysql.ParseDSN(dsn); err == nil {
				after, err := mysql.ParseDSN(a.with("new"))
				if err != nil || after.DBName != "new" || before.DBName != a.database() {
					t.Fatalf("%q and %q: %v", dsn, a.with("new"), err)
				}
				if after.DBName = before.DBName; after.FormatDSN() != before.FormatDSN() || before.Net+"("+before.Addr+")" != a.server() {
					t.Fatalf("%q on %q and %q: %+v, %+v", dsn, a.server(), a.with("new"), before, after)
				}
			}
		}
	})
}

// alike reports whether two configurations differ in the database alone.
func alike(a, b *pgconn.Config) bool {
	same := a.Host == b.Host && a.Port == b.Port && a.User == b.User && a.Password == b.Password && maps.Equal(a.RuntimeParams, b.RuntimeParams) && len(a.Fallbacks) == len(b.Fallbacks)
	for i := range a.Fallbacks {
		same = same && a.Fallbacks[i].Host == b.Fallbacks[i].Host && a.Fallbacks[i].Port == b.Fallbacks[i].Port
	}
	return same
}
