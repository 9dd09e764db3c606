// Package freeze makes the triggers by which a database itself refuses the writes of one
// tenant, in whatever process they are made.
package freeze

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

const (
	// State is the SQLSTATE of a refusal, where there are such.
	State = "TNMOV"
	// Message is the text of a refusal.
	Message = "tenancy: the tenant is being moved"
	// Setting lets a transaction on PostgreSQL through, where it is On.
	Setting = "tenancy.moving"
	// On is the value of Setting that lets through.
	On = "on"
	// Function is the name of the triggers' function on PostgreSQL.
	Function = "tenancy_frozen"
)

// Refused recognises the refusal of a trigger.
func Refused(err error) bool {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return state.SQLState() == State
	}
	return err != nil && strings.Contains(err.Error(), Message)
}

// Table is a table in which the writes of one tenant are refused.
type Table struct {
	Name   string // physical, quoted
	Tenant string // the tenant's ID
	Column string // the tenant column, quoted; empty: all rows are the tenant's
}

// event is what a trigger stands before.
type event struct{ name, verb, changes string }

var events = []event{
	{"ins", "INSERT", "NEW"},
	{"upd", "UPDATE", "OLD NEW"},
	{"del", "DELETE", "OLD"},
}

// Names are the names of the table's triggers. Those of two tenants differ, and those of
// two tables do, as names are the whole database's in some.
func (t Table) Names() []string {
	sum := sha256.Sum256([]byte(t.Tenant + "\x00" + t.Name))
	hash := strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = "tenancy_move_" + e.name + "_" + hash
	}
	return list
}

// SQLite lists the statements that freeze the table on SQLite
// (https://www.sqlite.org/lang_createtrigger.html).
func (t Table) SQLite() []string {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = fmt.Sprintf("CREATE TRIGGER IF NOT EXISTS %s BEFORE %s ON %s%s BEGIN SELECT RAISE(ABORT, %s); END",
			t.Names()[i], e.verb, t.Name, t.when(e, Literal), Literal(Message))
	}
	return list
}

// ThawSQLite lists the statements that undo those of SQLite.
func (t Table) ThawSQLite() []string {
	var list []string
	for _, name := range t.Names() {
		list = append(list, "DROP TRIGGER IF EXISTS "+name)
	}
	return list
}

// Postgres lists the statements that freeze the table on PostgreSQL, where function is the
// triggers' function, qualified (https://www.postgresql.org/docs/current/sql-createtrigger.html).
// Where all rows are the tenant's, one trigger stands before all statements, TRUNCATE
// included; elsewhere each looks at the tenant of a row.
func (t Table) Postgres(function string) []string {
	if t.Column == "" {
		return []string{fmt.Sprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s()",
			t.Names()[0], t.Name, function)}
	}
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = fmt.Sprintf("CREATE TRIGGER %s BEFORE %s ON %s FOR EACH ROW%s EXECUTE FUNCTION %s()",
			t.Names()[i], e.verb, t.Name, t.when(e, PostgresLiteral), function)
	}
	return list
}

// ThawPostgres lists the statements that undo those of Postgres.
func (t Table) ThawPostgres() []string {
	var list []string
	for _, name := range t.Names() {
		list = append(list, "DROP TRIGGER IF EXISTS "+name+" ON "+t.Name)
	}
	return list
}

// PostgresFunction makes the function of the triggers on PostgreSQL.
func PostgresFunction(function string) string {
	return fmt.Sprintf(`CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $tenancy$
BEGIN
	IF current_setting('%s', true) = '%s' THEN
		IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
		RETURN NEW;
	END IF;
	RAISE EXCEPTION '%s' USING ERRCODE = '%s';
END $tenancy$`, function, Setting, On, Message, State)
}

// when is the condition of a trigger for the tenant's rows.
func (t Table) when(e event, literal func(string) string) string {
	if t.Column == "" {
		return ""
	}
	var conditions []string
	for row := range strings.FieldsSeq(e.changes) {
		conditions = append(conditions, row+"."+t.Column+" = "+literal(t.Tenant))
	}
	return " WHEN (" + strings.Join(conditions, " OR ") + ")"
}

// Literal quotes a value as standard SQL does: SQLite knows no other characters than the
// quote that mean anything in it (https://www.sqlite.org/lang_expr.html#literal_values_constants_).
func Literal(value string) string {
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

// PostgresLiteral quotes a value whatever standard_conforming_strings says: with a backslash
// in it, it is written as an escape string
// (https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE).
func PostgresLiteral(value string) string {
	if !strings.Contains(value, `\`) {
		return Literal(value)
	}
	return " E" + Literal(strings.ReplaceAll(value, `\`, `\\`))
}
