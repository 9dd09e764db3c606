package freeze

import (
	"fmt"
	"strings"
)

// Tenants is the table on MySQL that says which tenants are frozen in common tables: a row
// for each that has written, on which those who write hold a lock to the end of their
// transactions.
const Tenants = "tenancy_freezes"

// MySQL lists the statements that freeze the table on MySQL and MariaDB, one for each of
// Names (https://dev.mysql.com/doc/refman/8.4/en/create-trigger.html). Where all rows are the
// tenant's, they refuse all; TRUNCATE knows no triggers. Elsewhere they are made once for all
// tenants, with no Tenant.
//
// Whoever writes for a tenant without a row makes it: there would be nothing to hold a lock on,
// and a freeze would not wait for him. On MySQL, under REPEATABLE READ, he keeps others from making
// theirs until his transaction ends; provisioning has made them. The others look it up by a read that locks, since any
// other would see what was there when the transaction began. They do not try to make it, since
// within an upsert even that would take an exclusive lock, and they read the table under other
// names: what a trigger does with a table under one name, the server locks as the strictest
// of it needs. Either way writers of a tenant would wait for each other.
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
	checks := make([]string, 0, 2)
	for row := range strings.FieldsSeq(e.changes) {
		id := fmt.Sprintf("CONVERT(%s.%s USING utf8mb4) COLLATE utf8mb4_bin", row, t.Column)
		check := fmt.Sprintf("IF NOT EXISTS (SELECT 1 FROM %[1]s AS k WHERE k.tenant_id = %[2]s) THEN INSERT IGNORE INTO %[1]s (tenant_id) VALUES (%[2]s); END IF; "+
			"IF (SELECT f.frozen FROM %[1]s AS f WHERE f.tenant_id = %[2]s LOCK IN SHARE MODE) THEN %[3]s; END IF;", Tenants, id, refuse)
		if len(checks) > 0 {
			check = fmt.Sprintf("IF NOT NEW.%[1]s <=> OLD.%[1]s THEN %[2]s END IF;", t.Column, check)
		}
		checks = append(checks, check)
	}
	return "BEGIN " + strings.Join(checks, " ") + " END"
}

// ThawMySQL lists the statements that undo those of MySQL.
func (t Table) ThawMySQL() []string { return t.ThawSQLite() }
