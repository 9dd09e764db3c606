package strategies

import (
	"maps"
	"testing"

	"github.com/gormtenancy/tenancy"
)

// TestMySQLTable takes the text of a table apart, without comments, counters and the order
// of its parts, and keeps what only looks like them.
func TestMySQLTable(t *testing.T) {
	text := "CREATE TABLE `t` (\n" +
		"  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT COMMENT 'it''s the \\' key, COMMENT',\n" +
		"  `a` varchar(100) NOT NULL DEFAULT ' COMMENT ''x''' COMMENT 'y' CHECK (`a` <> ''),\n" +
		"  PRIMARY KEY (`id`),\n" +
		"  UNIQUE KEY `ua` (`a`(10)),\n" +
		"  CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `u` (`a`)\n" +
		") ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4 COMMENT='AUTO_INCREMENT=18'"
	want := tenancy.Objects{
		"column t.id":     "`id` bigint(20) unsigned NOT NULL AUTO_INCREMENT",
		"column t.a":      "`a` varchar(100) NOT NULL DEFAULT ' COMMENT ''x''' CHECK (`a` <> '')",
		"index t.PRIMARY": "PRIMARY KEY (`id`)",
		"index t.ua":      "UNIQUE KEY `ua` (`a`(10))",
		"constraint t.fk": "CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `u` (`a`)",
		"table t":         "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
	}
	got := tenancy.Objects{}
	mysqlTable(got, "t", text)
	if !maps.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
