package migrate

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a run is.
type progress interface {
	done(Result)
	finish()
}

func newProgress(w io.Writer, name string, total int) progress {
	if w == nil {
		return silent{}
	}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &bar{bar: progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(name),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("tenants"),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionOnCompletion(func() { _, _ = fmt.Fprintln(w) }),
		)}
	}
	return &lines{w: w, name: name, total: total, began: time.Now(), last: time.Now()}
}

type silent struct{}

func (silent) done(Result) {}
func (silent) finish()     {}

// bar is for terminals.
type bar struct{ bar *progressbar.ProgressBar }

func (b *bar) done(Result) { _ = b.bar.Add(1) }
func (b *bar) finish()     { _ = b.bar.Exit() }

// lines is for logs: failures at once, a count every few seconds, and one at the end.
type lines struct {
	w    io.Writer
	name string

	mu            sync.Mutex
	began, last   time.Time
	count, failed int
	total         int
}

const lineEvery = 5 * time.Second

func (l *lines) done(r Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	if r.State == Failed {
		l.failed++
		_, _ = fmt.Fprintf(l.w, "%s: %v\n", l.name, r.Err)
	}
	if time.Since(l.last) >= lineEvery {
		l.line()
	}
}

func (l *lines) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line()
}

func (l *lines) line() {
	l.last = time.Now()
	_, _ = fmt.Fprintf(l.w, "%s: %d of %d tenants, %d failed, %s\n", l.name, l.count, l.total, l.failed, time.Since(l.began).Round(time.Millisecond))
}
