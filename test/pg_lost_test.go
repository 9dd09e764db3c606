package test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/test/servers"
)

// TestPGLostAnswer loses the answer to a write outside transactions: the server did it, nobody
// knows, and so nobody may do it again.
func TestPGLostAnswer(t *testing.T) {
	t.Parallel()
	const raise = "UPDATE folios SET hits = hits + 1 WHERE id = 1"
	writes := map[string]func(db *gorm.DB) error{
		"built": func(db *gorm.DB) error {
			return db.Model(&folio{}).Where("id = 1").Update("hits", gorm.Expr("hits + 1")).Error
		},
		"raw":       func(db *gorm.DB) error { return db.Exec(raise).Error },
		"returning": func(db *gorm.DB) error { return db.Raw(raise + " RETURNING hits").Scan(&[]int{}).Error },
		"row":       func(db *gorm.DB) error { return db.Raw(raise + " RETURNING hits").Row().Scan(new(int)) },
	}
	server := newPG(t)
	wire := servers.NewWire(t, server.DSN)
	for _, k := range pgKinds {
		s := openPG(t, server, k, pgSetup{dsn: wire.DSN, conns: 2, gorm: gorm.Config{SkipDefaultTransaction: true}})
		s.provision(t, "acme")
		must(t, s.as("acme").Create(&folio{ID: 1, Owner: "acme"}).Error)
		for name, write := range writes {
			t.Run(k.name+"/"+name, func(t *testing.T) {
				for range 3 { // until it is prepared
					must(t, write(s.as("acme")))
				}
				server.run(t, "UPDATE "+s.table(t, "folios")+" SET hits = 0")
				wire.LoseAnswer()
				err := write(s.as("acme"))
				hits := server.ask(t, "SELECT hits::text FROM "+s.table(t, "folios"))[0]
				if err == nil && hits != "1" || hits > "1" {
					t.Errorf("the write ended with %v, and was done %s times", err, hits)
				}
			})
		}
	}
}
