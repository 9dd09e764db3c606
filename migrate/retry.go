package migrate

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gormtenancy/tenancy/internal/ddl"
)

const (
	firstPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// retried does work again while its error may pass, with longer and longer pauses.
func (c *config) retried(ctx context.Context, work func() error) error {
	pause := firstPause
	for attempt := 0; ; attempt++ {
		err := work()
		if err == nil || attempt >= c.retries || !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // runners that failed together should not meet again
		}
		pause = min(2*pause, mostPause)
	}
}

// passing recognises errors after which the same may well succeed
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func passing(err error) bool {
	if errors.Is(err, driver.ErrBadConn) {
		return true
	}
	switch state := ddl.SQLState(err); {
	case strings.HasPrefix(state, "08"): // connection exception
		return true
	case state == "40001", state == "40P01": // serialization failure, deadlock
		return true
	case ddl.MySQLError(err, 1213, 1040): // deadlock, too many connections
		return true
	case state == "57P01", state == "57P02", state == "57P03", state == "53300": // shutdown, crash, starting up, too many connections
		return true
	default:
		return false
	}
}

// locked recognises a lock that was waited for in vain: that of another runner, and for one of
// a table lock_not_available of PostgreSQL and ER_LOCK_WAIT_TIMEOUT of MySQL.
func locked(err error) bool {
	return errors.Is(err, ddl.ErrHeld) || ddl.SQLState(err) == "55P03" || ddl.MySQLError(err, 1205)
}
