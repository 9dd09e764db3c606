package strategies

import (
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// hostileNames are no names of databases that this package makes, but whatever it was given
// has to reach the database of that name, or none.
var hostileNames = []string{
	"tenant_acme", "a b", "a'b", `a\b`, `a"b`, "a?sslmode=disable", "a&user=root", "a#b", "a%2fb", "a@b", "a=b", "a b=c", "ünïcode",
	"a' user='root", "a/b", "a:b", "a)b", "a?multiStatements=true", "..",
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
		"postgres": {"postgres://app:sesame#more@h/db", "postgres://app:sesame%zz@h/db", "password=sesame host", "password='sesame"},
		"mysql":    {"app:sesame", "app:sesame/db", "app@tcp(h)/sesame%zz"},
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
		if strings.ContainsRune(name+password, 0) || name == "" || strings.HasPrefix(name, "/") {
			return
		}
		escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
		a, err := addressOf("postgres", "host=h user=u password='"+escape.Replace(password)+"' dbname=app")
		if err != nil {
			t.Fatal(err)
		}
		config, err := pgconn.ParseConfig(a.with(name))
		if err != nil || config.Database != name || config.Password != password || config.User != "u" || config.Host != "h" {
			t.Fatalf("%q and %q: %v, %+v", name, password, err, config)
		}
	})
}
