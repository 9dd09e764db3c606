package pools

import (
	"errors"
	"fmt"
)

// maxCloseErrors is how many errors of closing are kept for Close to return, so
// that a cache whose pools keep failing to close does not grow.
const maxCloseErrors = 32

// closeErrors gathers the errors of closing.
type closeErrors struct {
	kept []error
	more int // how many were not kept
}

func (c *closeErrors) add(err error) {
	switch {
	case err == nil:
	case len(c.kept) < maxCloseErrors:
		c.kept = append(c.kept, err)
	default:
		c.more++
	}
}

// join joins first, which may be nil, and the errors added. It returns nil if
// there are none.
func (c *closeErrors) join(first error) error {
	errs := append([]error{first}, c.kept...)
	if c.more > 0 {
		errs = append(errs, fmt.Errorf("pools: %d more pools failed to close", c.more))
	}
	return errors.Join(errs...)
}
