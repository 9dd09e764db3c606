package servers

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	bouncerFileMode = 0o644 // it may run as another user than the test
	bouncerStop     = 10 * time.Second
	bouncerClients  = 400
)

// NewPgBouncer starts PgBouncer in transaction mode in front of a database, with so many
// connections to the server, and returns the role's DSN through it. It lets no session begin
// with a setting but those ignored, which it drops. It ends with the test. Where there is no PgBouncer, the test is skipped or fails, as for a server.
func NewPgBouncer(t testing.TB, p Postgres, connections int, ignored ...string) string {
	t.Helper()
	program, err := bouncerProgram()
	if err != nil {
		missing(t, "pgbouncer", err)
	}
	port, err := freePort(t)
	if err != nil {
		t.Fatal(err)
	}
	config, err := bouncerConfig(t.TempDir(), p, port, connections, ignored)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{config}
	if os.Geteuid() == 0 { // which it refuses to be
		args = []string{"-u", unprivileged(), config}
	}
	var log bytes.Buffer
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(bouncerStop):
			_ = command.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("pgbouncer: %s", log.String())
		}
	})
	dsn, err := throughBouncer(p, port)
	for end := time.Now().Add(bouncerStop); err == nil; time.Sleep(50 * time.Millisecond) {
		if err = pingPostgres(dsn); err == nil {
			return dsn
		}
		if time.Now().Before(end) && len(ended) == 0 {
			err = nil
		}
	}
	t.Fatalf("pgbouncer does not answer: %v", err)
	return ""
}

func bouncerProgram() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errors.New("no program of that name")
}

func unprivileged() string {
	for _, name := range []string{"postgres", "pgbouncer", "nobody"} {
		if _, err := user.Lookup(name); err == nil {
			return name
		}
	}
	return "nobody"
}

// freePort finds a port that nobody listens on, for now.
func freePort(t testing.TB) (string, error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

// bouncerConfig writes the configuration and the list of users.
func bouncerConfig(dir string, p Postgres, port string, connections int, ignored []string) (string, error) {
	server, err := url.Parse(p.DSN)
	if err != nil {
		return "", err
	}
	password, _ := server.User.Password()
	users := filepath.Join(dir, "users")
	if err := os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", server.User.Username(), password), bouncerFileMode); err != nil {
		return "", err
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	return config, os.WriteFile(config, fmt.Appendf(nil, `[databases]
%s = host=%s port=%s dbname=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = plain
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = %d
ignore_startup_parameters = %s
`, p.Name, server.Hostname(), server.Port(), p.Name, port, users, connections, bouncerClients, strings.Join(append([]string{"extra_float_digits"}, ignored...), ", ")), bouncerFileMode)
}

func throughBouncer(p Postgres, port string) (string, error) {
	u, err := url.Parse(p.DSN)
	if err != nil {
		return "", err
	}
	u.Host = net.JoinHostPort("127.0.0.1", port)
	return u.String(), nil
}
