package freeze

import "fmt"

// Tenants is the table on MySQL that says which tenants are frozen in common tables: a row
// for each, which those who write hold a lock on to the end of their transactions.
const Tenants = "tenancy_freezes"

// MySQL lists the statements that freeze the table on MySQL and MariaDB, one for each of
// Names (https://dev.mysql.com/doc/refman/8.4/en/create-trigger.html). Where all rows are the
// tenant's, they refuse all; TRUNCATE knows no triggers. Elsewhere they are made once for all
// tenants, with no Tenant: they look up whoever has the row, by a read that locks, since any
// other would see what was there when the transaction began.
func (t Table) MySQL() []string {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = fmt.Sprintf("CREATE TRIGGER %s BEFORE %s ON %s FOR EACH ROW %s", t.Names()[i], e.verb, t.Name, t.signal(e))
	}
	return list
}

func (t Table) signal(e event) string {
	refuse := fmt.Sprintf("SIGNAL SQLSTATE '%s' SET MESSAGE_TEXT = '%s'", State, Message)
	if t.Column == "" {
		return refuse
	}
	frozen := func(row string) string {
		return fmt.Sprintf("(SELECT frozen FROM %s WHERE tenant_id = CONVERT(%s.%s USING utf8mb4) COLLATE utf8mb4_bin LOCK IN SHARE MODE)", Tenants, row, t.Column)
	}
	condition := map[string]string{
		"NEW":     frozen("NEW"),
		"OLD":     frozen("OLD"),
		"OLD NEW": fmt.Sprintf("%s OR NOT NEW.%[2]s <=> OLD.%[2]s AND %s", frozen("OLD"), t.Column, frozen("NEW")),
	}[e.changes]
	return "IF " + condition + " THEN " + refuse + "; END IF"
}

// ThawMySQL lists the statements that undo those of MySQL.
func (t Table) ThawMySQL() []string { return t.ThawSQLite() }
