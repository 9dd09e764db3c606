// Package ddl changes structures safely: alone, all or nothing where the database
// allows it, and on record.
package ddl
