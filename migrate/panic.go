package migrate

import "github.com/gormtenancy/tenancy/internal/caught"

// PanicError is a panic in what a run does for a tenant, as the tenant's error. If the panic's
// value is an error, PanicError wraps it.
type PanicError = caught.PanicError
