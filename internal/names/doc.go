// Package names turns tenant IDs into physical names: of schemas, databases,
// files and table prefixes.
//
// Two tenants with different IDs never share a name, and no name is ever
// truncated. The argument, step by step:
//
//   - A base is either the ID itself, when the ID is a [Slug], or a readable
//     stem, an underscore and 16 characters of the SHA-256 of the whole ID (a
//     hashed name).
//   - No Slug has the form of a hashed name, so the two kinds never meet. Two
//     equal Slugs are the same ID. Two equal hashed names end with the same 16
//     characters, so their IDs have the same first 80 bits of SHA-256.
//   - A base has only lower-case letters, digits and single underscores, and
//     neither begins nor ends with an underscore. A database that ignores case
//     therefore sees the same names, and in [Prefix] + table the first
//     [Separator] after the "t_" is always the end of the base, whatever the
//     table is called.
//
// "Never" rests on those 80 bits. Meeting the name of a given tenant takes
// about 2^80 attempts. Somebody who chooses both IDs freely can find a pair
// that meets after about 2^40.
//
// Names that users choose themselves (see [Override]) are outside this
// argument: whoever accepts them has to see that no two tenants hold the same
// one, ignoring case, and that none equals the [Container] of another tenant.
package names
