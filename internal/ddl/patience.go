package ddl

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrHeld is wrapped by the error of a lock that somebody else held for too long.
var ErrHeld = errors.New("lock timeout")

// Patient limits how long [Exclusive] waits for its lock under the context that it
// returns; what is done under the lock may take longer. d <= 0 sets no limit. It travels
// with the context, since whoever knows the limit is not who takes the lock.
func Patient(ctx context.Context, d time.Duration) context.Context {
	if d <= 0 {
		return ctx
	}
	return context.WithValue(ctx, patienceKey{}, d)
}

type patienceKey struct{}

// wait is one wait for a lock.
type wait struct {
	began time.Time
	limit time.Duration // 0: none
}

func beginWait(ctx context.Context) wait {
	limit, _ := ctx.Value(patienceKey{}).(time.Duration)
	return wait{time.Now(), limit}
}

// left is how long one may go on waiting, and most at most.
func (w wait) left(most time.Duration) time.Duration {
	if w.limit == 0 {
		return most
	}
	return min(most, w.limit-time.Since(w.began))
}

// pause waits for a moment, unless the wait or ctx is over, and reports whether the wait is.
func (w wait) pause(ctx context.Context, moment time.Duration) (over bool, err error) {
	moment = w.left(moment)
	if moment <= 0 {
		return true, nil
	}
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-time.After(moment):
		return false, nil
	}
}

// held makes the error of a wait that is over. holder says who has the lock.
func (w wait) held(holder string) error {
	return fmt.Errorf("%w: somebody else has worked on the same structures for longer than %v: %s; let them end, or give migrate.LockTimeout more time", ErrHeld, w.limit, holder)
}
