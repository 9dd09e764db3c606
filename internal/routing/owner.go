package routing

import "strconv"

// Owner is whom a statement or a transaction belongs to: a tenant, or whoever else is named.
type Owner struct{ Tenant, Other string }

// String names the owner.
func (o Owner) String() string {
	if o.Tenant == "" {
		return o.Other
	}
	return "tenant " + strconv.Quote(o.Tenant)
}
