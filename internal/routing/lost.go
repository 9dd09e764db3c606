package routing

import (
	"errors"
	"fmt"
	"io"
)

// errLost is the end of a statement of which nobody knows whether it was done. It wraps nothing
// that a driver takes for a reason to send the statement once more.
var errLost = fmt.Errorf("the connection was lost, and what was sent may have been done: %w", io.ErrUnexpectedEOF)

// certain lets ErrNoPipeline through only where the statement was not done for sure. A
// connection that was lost on the way may have carried it to the server, which must not get it
// twice; a driver may say of such a connection that it was closed, as if nothing had been sent.
// What the server answers itself is certain: it does not go on after that.
func certain(pipeline Pipeline, conn any, err error) error {
	var answered interface{ SQLState() string }
	switch {
	case !errors.Is(err, ErrNoPipeline), err == ErrNoPipeline, //nolint:errorlint // alone: it was not tried
		errors.As(err, &answered), pipeline.Idle(conn):
		return err
	default:
		return errLost
	}
}
