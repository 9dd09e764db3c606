package routing

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
)

// An argument that makes its own value may panic. A query in which one does leaves a transaction
// of database/sql locked for good: whoever rolls it back then waits forever, and its connection is
// lost. So the panic is kept out of there, in one of two ways.

// thrown is a panic that passes through a transaction of Transactions as an error, and goes on
// behind it.
type thrown struct{ value any }

// Error implements error.
func (t *thrown) Error() string { return fmt.Sprintf("panic: %v", t.value) }

// rethrow lets a panic go on.
func rethrow(err error) {
	var t *thrown
	if errors.As(err, &t) {
		panic(t.value)
	}
}

// provoke lets arguments panic before a query of another transaction has them.
func provoke(args []any) {
	for _, arg := range args {
		valuer, ok := arg.(driver.Valuer)
		if !ok {
			continue
		}
		if v := reflect.ValueOf(arg); v.Kind() == reflect.Pointer && v.IsNil() {
			continue // a NULL, for database/sql as well
		}
		_, _ = valuer.Value() // its error comes again
	}
}

func (tx *Tx) provoke(args []any) {
	if !tx.lazy {
		provoke(args)
	}
}
