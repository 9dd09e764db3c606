package sqltext

// forbiddenPrefixes begin the names of functions that run or read a text of
// SQL, or a table named by a string.
var forbiddenPrefixes = [...]string{
	"pragma_", "dblink", "query_to_xml", "table_to_xml", "schema_to_xml",
	"database_to_xml", "cursor_to_xml", "crosstab", "openrowset", "openquery", "opendatasource",
}

// forbiddenNames are further functions of that kind, and those that read and
// write files.
var forbiddenNames = [...]string{
	"load_file", "load_extension", "readfile", "writefile", "xpath_table",
	"connectby", "ts_stat", "ts_rewrite", "pg_read_file", "pg_read_binary_file",
	"lo_import", "lo_export",
}

// isForbidden reports whether a function of that name is refused anywhere.
func isForbidden(name string) bool {
	for _, prefix := range forbiddenPrefixes {
		if hasPrefixFold(name, prefix) {
			return true
		}
	}
	for _, forbidden := range forbiddenNames {
		if equalFold(name, forbidden) {
			return true
		}
	}
	return false
}

// takesFrom reports whether FROM is part of a function's own syntax.
func takesFrom(name string) bool {
	for _, function := range [...]string{"extract", "substring", "substr", "trim", "overlay"} {
		if equalFold(name, function) {
			return true
		}
	}
	return false
}

// takesIn reports whether IN is part of a function's own syntax.
func takesIn(name string) bool {
	return equalFold(name, "position") || equalFold(name, "against")
}
