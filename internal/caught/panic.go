// Package caught makes errors of panics.
package caught

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic in a function that somebody else has given, as an error. If the
// panic's value is an error, PanicError wraps it.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // of the goroutine that panicked, as from debug.Stack
}

// Panic is to be called where the panic is recovered from.
func Panic(value any) *PanicError { return &PanicError{Value: value, Stack: debug.Stack()} }

// Error describes the panic, without its stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
