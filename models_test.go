package tenancy_test

// Plan is a shared model of the tests.
type Plan struct {
	ID   uint
	Name string
}
