package servers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const privateStart = 60 * time.Second

// StartMySQL starts a MariaDB of a test's own with options that cannot be set on one that
// runs, and returns its address for [NewMySQLOn]. It ends with the test. Where its programs are not
// installed, the test is skipped or fails, as for a server called "mariadbd".
func StartMySQL(t testing.TB, options ...string) string {
	t.Helper()
	install, err := exec.LookPath("mariadb-install-db")
	if err != nil {
		missing(t, "mariadbd", err)
	}
	program, err := mariadbProgram()
	if err != nil {
		missing(t, "mariadbd", err)
	}
	port, err := freePort(t)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	common := append([]string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data")}, options...)
	if os.Geteuid() == 0 {
		common = append(common, "--user=root")
	}
	if out, err := exec.Command(install, append(common, "--auth-root-authentication-method=normal", "--skip-test-db")...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", install, err, out)
	}
	var log bytes.Buffer
	command := exec.Command(program, append(common, "--bind-address=127.0.0.1", "--port="+port, "--socket="+filepath.Join(dir, "s"),
		"--skip-name-resolve", "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M")...)
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGKILL) // nothing of it is kept
		<-ended
		if t.Failed() {
			t.Logf("mariadbd: %s", log.String())
		}
	})
	dsn := fmt.Sprintf("root@tcp(127.0.0.1:%s)/", port)
	for end := time.Now().Add(privateStart); ; time.Sleep(50 * time.Millisecond) {
		err := pingMySQL(dsn)
		switch {
		case err == nil:
			return dsn
		case len(ended) > 0 || time.Now().After(end):
			t.Fatalf("mariadbd does not answer: %v", err)
		}
	}
}

func mariadbProgram() (string, error) {
	for _, name := range []string{"mariadbd", "/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errors.New("no program of that name")
}
