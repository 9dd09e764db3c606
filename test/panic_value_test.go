package test

import (
	"database/sql/driver"
	"testing"
	"time"

	"gorm.io/gorm"
)

// explosive is an argument whose value nobody gets.
type explosive struct{}

func (explosive) Value() (driver.Value, error) { panic(errDeliberate) }

// TestValuesThatPanic: a panic in an argument reaches the application, and holds up nobody: not
// whoever rolls back the transaction, and not whoever needs its connection next.
func TestValuesThatPanic(t *testing.T) {
	t.Parallel()
	uses := map[string]func(db *gorm.DB) error{
		"create": func(db *gorm.DB) error {
			return db.Model(&mark{}).Create(map[string]any{"owner": explosive{}}).Error
		},
		"update": func(db *gorm.DB) error { return db.Model(&mark{}).Where("id = 1").Update("owner", explosive{}).Error },
		"delete": func(db *gorm.DB) error { return db.Where("owner = ?", explosive{}).Delete(&mark{}).Error },
		"find":   func(db *gorm.DB) error { return db.Where("owner = ?", explosive{}).Find(&[]mark{}).Error },
		"exec":   func(db *gorm.DB) error { return db.Exec("DELETE FROM marks WHERE owner = ?", explosive{}).Error },
		"raw": func(db *gorm.DB) error {
			return db.Raw("SELECT id FROM marks WHERE owner = ?", explosive{}).Scan(&[]int{}).Error
		},
		"row": func(db *gorm.DB) error {
			return db.Raw("SELECT id FROM marks WHERE owner = ?", explosive{}).Row().Err()
		},
		"transaction": func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error {
				return tx.Where("owner = ?", explosive{}).Find(&[]mark{}).Error
			})
		},
	}
	server := newPG(t)
	for _, k := range pgKinds {
		for way, slow := range map[string]bool{"pipeline": false, "plain": true} {
			s := openPG(t, server, k, pgSetup{slow: slow})
			s.provision(t, "acme")
			for name, use := range uses {
				t.Run(k.name+"/"+way+"/"+name, func(t *testing.T) {
					ended := make(chan any, 1)
					go func() { ended <- pgPanics(func() { _ = use(s.as("acme")) }) }()
					select {
					case value := <-ended:
						if value != errDeliberate {
							t.Errorf("it ended with %v", value)
						}
					case <-time.After(pgWait):
						t.Fatal("it hangs")
					}
					if n := s.pool.Stats().InUse; n > 0 {
						t.Fatalf("%d connections are in use", n)
					}
				})
			}
			s.clean(t, `"$user", public`)
		}
	}
}
