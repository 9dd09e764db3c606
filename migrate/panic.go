package migrate

import "fmt"

// PanicError is a panic in what a run does for a tenant, as the tenant's error. If the panic's
// value is an error, PanicError wraps it.
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
