package pools

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// PanicError is a panic in a function given to the cache, or in a pool's Close,
// as an error. If the panic's value is an error, PanicError wraps it.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // of the goroutine that panicked, as from debug.Stack
}

// Error describes the panic, without its stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// newPanicError is to be called where the panic is recovered from.
func newPanicError(value any) *PanicError {
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// errGoexit stands for a call of runtime.Goexit, which ends a goroutine without
// a return or a panic.
var errGoexit = errors.New("the function ended its goroutine instead of returning")
