package servers

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Second is a server of a test's own, beside the one that all tests share: it may be
// stopped. It has a role that may create databases.
type Second struct {
	// DSN connects as the role, to a database of its name, which is no tenant's.
	DSN string
	// Admin connects as the administrator.
	Admin string
	// Name is the name of the role, and of its database.
	Name string
	// Password is the role's, which no message is to show.
	Password string

	program string
	args    []string
	crash   os.Signal
	ping    func() error
	running *exec.Cmd
	ended   chan struct{}
	log     bytes.Buffer
}

const (
	secondRole     = "second"
	secondPassword = "seldom-shown"
	secondWait     = 30 * time.Second
)

// NewSecondPostgres starts a PostgreSQL from the programs of this machine. Where there are
// none, the test is skipped, or fails if TENANCY_TEST_REQUIRE names secondserver.
func NewSecondPostgres(t testing.TB) *Second {
	t.Helper()
	dir, account := secondDir(t, "postgres")
	initdb, err := installed("initdb", "/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		missing(t, "secondserver", err)
	}
	as := []string{}
	if account != nil { // which PostgreSQL insists on
		setpriv, err := installed("setpriv")
		if err != nil {
			missing(t, "secondserver", err)
		}
		as = []string{setpriv, "--reuid=" + account.Uid, "--regid=" + account.Gid, "--clear-groups", "--"}
	}
	secondRun(t, append(as, initdb, "--pgdata="+dir, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"))
	port := secondPort(t)
	command := append(as, filepath.Join(filepath.Dir(initdb), "postgres"), "-D", dir, "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=16MB")
	at := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: "127.0.0.1:" + port, Path: "/postgres", RawQuery: "sslmode=disable"}
	s := &Second{program: command[0], args: command[1:], Admin: at.String(), Name: secondRole, Password: secondPassword}
	at.User, at.Path = url.UserPassword(secondRole, secondPassword), "/"+secondRole
	s.DSN = at.String()
	s.crash = syscall.SIGQUIT // which it calls an immediate shutdown
	s.ping = func() error { return pingPostgres(s.Admin) }
	s.first(t)
	admin := openPostgres(t, s.Admin)
	defer func() { _ = admin.Close() }()
	execute(t, admin, "CREATE ROLE "+secondRole+" LOGIN CREATEDB PASSWORD '"+secondPassword+"'")
	execute(t, admin, "CREATE DATABASE "+secondRole+" OWNER "+secondRole)
	return s
}

// NewSecondMySQL starts a MariaDB, as NewSecondPostgres does.
func NewSecondMySQL(t testing.TB) *Second {
	t.Helper()
	return NewSecondMySQLWith(t)
}

// NewSecondMySQLWith is NewSecondMySQL with options that cannot be set on a server that runs.
func NewSecondMySQLWith(t testing.TB, options ...string) *Second {
	t.Helper()
	dir, account := secondDir(t, "mysql")
	install, err := installed("mariadb-install-db", "mysql_install_db")
	if err != nil {
		missing(t, "secondserver", err)
	}
	server, err := installed("mariadbd", "/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd")
	if err != nil {
		missing(t, "secondserver", err)
	}
	// A server that starts removes the temporary tables of whoever uses the same directory.
	as := []string{"--tmpdir=" + dir}
	if account != nil {
		as = append(as, "--user="+account.Username)
	}
	data := filepath.Join(dir, "data")
	secondRun(t, append([]string{install, "--no-defaults", "--datadir=" + data, "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M"}, append(as, options...)...))
	port := secondPort(t)
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.ParseTime = "root", "tcp", "127.0.0.1:"+port, true
	s := &Second{program: server, args: append([]string{
		"--no-defaults", "--datadir=" + data, "--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"),
		"--port=" + port, "--bind-address=127.0.0.1", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=2",
	}, append(as, options...)...), Admin: config.FormatDSN(), Name: secondRole, Password: secondPassword}
	config.User, config.Passwd, config.DBName = secondRole, secondPassword, secondRole
	s.DSN = config.FormatDSN()
	s.crash = os.Kill
	s.ping = func() error { return pingMySQL(s.Admin) }
	s.first(t)
	admin := openMySQL(t, s.Admin)
	defer func() { _ = admin.Close() }()
	execute(t, admin, "CREATE DATABASE "+secondRole)
	execute(t, admin, "CREATE USER '"+secondRole+"'@'%' IDENTIFIED BY '"+secondPassword+"'")
	execute(t, admin, "GRANT ALL ON *.* TO '"+secondRole+"'@'%'")
	return s
}

// first starts the server for the first time, and has it stopped at the end of the test.
func (s *Second) first(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		s.Stop(t)
		if t.Failed() {
			t.Logf("the second server: … %s", s.log.String()[max(0, s.log.Len()-4000):])
		}
	})
	s.Start(t)
}

// Start starts the server where it was, after Stop.
func (s *Second) Start(t testing.TB) {
	t.Helper()
	s.running = exec.Command(s.program, s.args...)
	s.running.Stdout, s.running.Stderr = &s.log, &s.log
	if err := s.running.Start(); err != nil {
		s.running = nil
		t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(running *exec.Cmd, ended chan struct{}) {
		_ = running.Wait()
		close(ended)
	}(s.running, s.ended)
	for end := time.Now().Add(secondWait); ; time.Sleep(20 * time.Millisecond) {
		err := s.ping()
		if err == nil {
			return
		}
		select {
		case <-s.ended:
			t.Fatalf("the second server ended: %s", s.log.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("the second server does not answer: %v", err)
		}
	}
}

// Stop ends the server at once, as a crash does. One that is not running stays so.
func (s *Second) Stop(t testing.TB) {
	t.Helper()
	if s.running == nil {
		return
	}
	_ = s.running.Process.Signal(s.crash)
	select {
	case <-s.ended:
	case <-time.After(secondWait):
		_ = s.running.Process.Kill()
		<-s.ended
		t.Error("the second server did not stop by itself")
	}
	s.running = nil
}

// secondDir makes a directory for the server's files. Where the test runs as root it is the
// account's by whose name such servers run, which is answered, too.
func secondDir(t testing.TB, name string) (string, *user.User) {
	t.Helper()
	dir, err := os.MkdirTemp("", testPrefix) // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Geteuid() != 0 {
		return dir, nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		missing(t, "secondserver", err)
	}
	uid, uidErr := strconv.Atoi(account.Uid)
	gid, gidErr := strconv.Atoi(account.Gid)
	if err := errors.Join(uidErr, gidErr, os.Chown(dir, uid, gid)); err != nil {
		t.Fatal(err)
	}
	return dir, account
}

// installed finds a program by its names and by patterns of paths.
func installed(names ...string) (string, error) {
	for _, name := range names {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
		if found, err := filepath.Glob(name); err == nil && len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("no program %s", names[0])
}

func secondRun(t testing.TB, command []string) {
	t.Helper()
	made := exec.Command(command[0], command[1:]...)
	made.Dir = os.TempDir()
	if output, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, output)
	}
}

func secondPort(t testing.TB) string {
	t.Helper()
	port, err := freePort(t)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
