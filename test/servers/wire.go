package servers

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Wire stands between a test and a server and counts round trips: how often the client
// speaks after the server has answered.
type Wire struct {
	// DSN leads through the wire.
	DSN   string
	trips atomic.Int64
	takes time.Duration
	loses atomic.Bool
}

// NewWire makes a wire to the server of a DSN in the form of a URL. It ends with the test.
func NewWire(t testing.TB, dsn string) *Wire {
	t.Helper()
	return NewLongWire(t, dsn, 0)
}

// NewLongWire is NewWire where everything takes a while to arrive, in either direction.
func NewLongWire(t testing.TB, dsn string, takes time.Duration) *Wire {
	t.Helper()
	address, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{takes: takes}
	var running sync.WaitGroup
	server := address.Host
	running.Go(func() { w.serve(t, listener, server, &running) })
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait() // until the clients have closed their connections
	})
	address.Host = listener.Addr().String()
	w.DSN = address.String()
	return w
}

// Trips counts the round trips of fn.
func (w *Wire) Trips(fn func()) int64 {
	before := w.trips.Load()
	fn()
	return w.trips.Load() - before
}

// LoseAnswer breaks the connection on which the server answers next, before the answer arrives.
func (w *Wire) LoseAnswer() { w.loses.Store(true) }

func (w *Wire) serve(t testing.TB, listener net.Listener, server string, running *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("the wire: %v", err)
			}
			return
		}
		upstream, err := net.Dial("tcp", server)
		if err != nil {
			_ = client.Close()
			continue
		}
		var answered atomic.Bool
		answered.Store(true)
		running.Go(func() {
			w.pass(upstream, client, func() error {
				if answered.Swap(false) {
					w.trips.Add(1)
				}
				return nil
			})
		})
		running.Go(func() {
			w.pass(client, upstream, func() error {
				answered.Store(true)
				if w.loses.Swap(false) {
					return net.ErrClosed
				}
				return nil
			})
		})
	}
}

// pass hands on what comes from one side, and ends both when it ends.
func (w *Wire) pass(to, from net.Conn, seen func() error) {
	defer func() { _, _ = to.Close(), from.Close() }()
	_, _ = io.Copy(to, watched{from, func() error {
		err := seen()
		time.Sleep(w.takes)
		return err
	}})
}

// watched calls seen for all that is read, before it is handed on. An error of seen ends it.
type watched struct {
	io.Reader
	seen func() error
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		if lost := w.seen(); lost != nil {
			return 0, lost
		}
	}
	return n, err
}
