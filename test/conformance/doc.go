// Package conformance is one suite of tests for every strategy of keeping tenants
// apart, on every dialect. It drives each way that GORM has to reach a database, for
// two tenants whose rows have the same primary keys and different content:
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.Subject{
//			Name:     "mine",
//			Open:     openEmptyDatabase,
//			Strategy: func(testing.TB) tenancy.Strategy { return mine.Strategy{} },
//		})
//	}
//
// A case acts for one tenant and then for the other. Whatever it does, the suite
// reads all rows of both tenants before and after it, by database/sql and without the
// plugin: the rows of the tenant that the case did not act for must be what they
// were, and no content of one tenant may be in a row or an answer of the other's.
//
// What a strategy cannot do it has to refuse with its sentinel, and the suite checks
// the refusal.
package conformance
