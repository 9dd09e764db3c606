package test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gormtenancy/tenancy"
)

// silent is an address that accepts connections and never answers, until it is told to pass
// them on to a server.
type silent struct {
	net.Listener

	server string
	awake  atomic.Bool
	open   atomic.Int64 // connections at this moment
	ending chan struct{}
	wg     sync.WaitGroup
}

func newSilent(t testing.TB, server string) *silent {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &silent{Listener: listener, server: server, ending: make(chan struct{})}
	s.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.open.Add(1)
			s.wg.Go(func() { defer s.open.Add(-1); s.hold(conn) })
		}
	})
	t.Cleanup(s.end)
	return s
}

// hold keeps a connection until either side or the test ends it.
func (s *silent) hold(conn net.Conn) {
	defer conn.Close()
	s.wg.Go(func() { <-s.ending; conn.Close() })
	if !s.awake.Load() {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	back, err := net.Dial("tcp", s.server)
	if err != nil {
		return
	}
	s.wg.Go(func() { <-s.ending; back.Close() })
	go func() { _, _ = io.Copy(conn, back); conn.Close() }()
	_, _ = io.Copy(back, conn)
	back.Close()
}

// end hangs up.
func (s *silent) end() {
	select {
	case <-s.ending:
	default:
		close(s.ending)
		s.Close()
	}
	s.wg.Wait()
}

// TestSilentServer: a tenant's server that accepts connections and says nothing keeps nobody
// longer than the context's deadline, nor than OpenTimeout, and keeps no other tenant at all.
func TestSilentServer(t *testing.T) {
	for name, newHost := range map[string]func(testing.TB) host{"postgres": newPostgresHost, "mysql": newMySQLHost} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			server := addressOf(h.dsn)
			before := goleak.IgnoreCurrent()
			hole := newSilent(t, server)
			mute := tenancy.Tenant{ID: "mute", DSN: strings.Replace(h.dsnOf(h.prefix+"mute"), server, hole.Addr().String(), 1)}
			loud := tenancy.Tenant{ID: "loud"}

			const openTimeout = 400 * time.Millisecond
			patient, hasty := openOn(t, h, 0, &note{}, &reply{}, &mark{}), openOn(t, h, openTimeout, &note{}, &reply{}, &mark{})
			must(t, hasty.migrate.Provision(t.Context(), loud))
			stop := hasty.busy(t, []tenancy.Tenant{loud})

			var wg sync.WaitGroup
			for name, run := range hasty.operations(t.Context(), mute) {
				wg.Go(func() {
					began := time.Now()
					err := run()
					if took := time.Since(began); took < openTimeout/2 || took > openTimeout+quickly {
						t.Errorf("%s ended after %v", name, took)
					}
					hasty.mute(t, name, hole, err)
				})
			}
			soon, cancel := context.WithTimeout(t.Context(), openTimeout/4)
			defer cancel()
			for name, run := range patient.operations(soon, mute) {
				wg.Go(func() {
					began := time.Now()
					err := run()
					if took := time.Since(began); took > openTimeout/4+quickly {
						t.Errorf("%s, with a deadline, ended after %v", name, took)
					}
					patient.mute(t, name, hole, err)
					wantKind(t, err, context.DeadlineExceeded)
				})
			}
			wg.Wait()

			// However many ask, few connections wait for an answer.
			var most atomic.Int64
			for range 32 {
				wg.Go(func() {
					for range 3 {
						hasty.mute(t, "provision", hole, hasty.migrate.Provision(t.Context(), mute))
						most.Store(max(most.Load(), hole.open.Load()))
					}
				})
			}
			wg.Wait()
			if most.Load() > 48 { // of 96
				t.Errorf("%d connections waited at once", most.Load())
			}
			stop(t)

			// Once it answers, the tenant is there, whatever still hangs.
			hole.awake.Store(true)
			must(t, eventually(func() error { return hasty.migrate.Provision(t.Context(), mute) }))
			must(t, hasty.as(t.Context(), mute).Create(&note{ID: 1, Owner: "mute"}).Error)
			must(t, hasty.migrate.Verify(t.Context(), mute))
			must(t, hasty.migrate.Destroy(t.Context(), mute))
			hole.awake.Store(false)

			// Closing does not wait for what hangs.
			reading := make(chan error, 1)
			go func() { reading <- patient.as(context.Background(), mute).Find(&[]note{}).Error }()
			for began := time.Now(); hole.open.Load() == 0 && time.Since(began) < quickly; {
				time.Sleep(time.Millisecond)
			}
			began := time.Now()
			must(t, tenancy.Close(patient.db))
			if took := time.Since(began); took > quickly {
				t.Errorf("closing took %v", took)
			}
			wantKind(t, <-reading, tenancy.ErrClosed)

			// And nothing stays once the other side hangs up.
			must(t, tenancy.Close(hasty.db))
			hole.end()
			for _, handle := range []*pair{patient, hasty} {
				pool, err := handle.db.DB()
				must(t, err)
				must(t, pool.Close())
			}
			if err := goleak.Find(append(leaks(), before)...); err != nil {
				t.Error(err)
			}
		})
	}
}

// openOn opens a handle on one server.
func openOn(t testing.TB, h host, openTimeout time.Duration, models ...any) *pair {
	t.Helper()
	p := &pair{near: h}
	strategy := h.database()
	strategy.OpenTimeout = openTimeout
	p.use(t, strategy, models...)
	return p
}

// mute fails unless an error says that a tenant's server is out of reach, and no secret.
func (p *pair) mute(t testing.TB, name string, hole *silent, err error) {
	t.Helper()
	wantKind(t, err, tenancy.ErrUnavailable)
	if err == nil {
		t.Errorf("%s did not fail", name)
		return
	}
	if text := err.Error(); !strings.Contains(text, hole.Addr().String()) || !strings.Contains(text, `"mute"`) || strings.Contains(text, ":"+p.near.role+"@") {
		t.Errorf("%s: the error names no server, no tenant, or a password: %v", name, err)
	}
}

// addressOf is the host and port in a test's DSN.
func addressOf(dsn string) string {
	at := dsn[strings.LastIndexByte(dsn, '@')+1:]
	at = strings.TrimPrefix(at, "tcp(")
	return at[:strings.IndexAny(at, "/)")]
}

// eventually repeats what may fail for a while.
func eventually(fn func() error) (err error) {
	for end := time.Now().Add(quickly); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = fn(); err == nil {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("not within %v", quickly), err)
}
