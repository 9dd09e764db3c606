package pools

import "errors"

// errGoexit stands for a call of runtime.Goexit, which ends a goroutine without
// a return or a panic.
var errGoexit = errors.New("the function ended its goroutine instead of returning")
