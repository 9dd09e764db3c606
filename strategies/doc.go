// Package strategies holds the ways of keeping tenants apart: [Schema], [Database]
// and [Shared]. Each is a configuration; give one to tenancy.Config.
package strategies
