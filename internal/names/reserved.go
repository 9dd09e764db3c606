package names

import "strings"

// Reserved reports whether name, in any case, belongs to a database system or
// to the library's own tables.
func Reserved(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case
		// The standard, and more than one system.
		"information_schema", "sys", "system",
		// PostgreSQL and the services and systems that speak its protocol.
		"public", "postgres", "template0", "template1",
		"rdsadmin", "cloudsqladmin", "azure_maintenance", "azure_sys", "crdb_internal",
		// MySQL and its relatives.
		"mysql", "performance_schema", "ndbinfo", "metrics_schema",
		// SQL Server: databases, then schemas.
		"master", "model", "msdb", "tempdb", "mssqlsystemresource", "distribution",
		"dbo", "guest",
		"db_accessadmin", "db_backupoperator", "db_datareader", "db_datawriter", "db_ddladmin",
		"db_denydatareader", "db_denydatawriter", "db_owner", "db_securityadmin",
		// SQLite.
		"main", "temp":
		return true
	}
	return strings.HasPrefix(name, "pg_") ||
		strings.HasPrefix(name, "sqlite_") ||
		strings.HasPrefix(name, "tenancy_")
}
