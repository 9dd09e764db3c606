// Package strategies holds the ways of keeping tenants apart: [Schema], [Database], [RLS]
// and [Shared]. Each is a configuration; give one to tenancy.Config, or two to hybrid.New.
package strategies
