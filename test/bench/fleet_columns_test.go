package bench

import (
	"sync"
	"testing"

	"gorm.io/gorm/schema"
)

// TestFleetModels: the tables that are measured have columns and indexes.
func TestFleetModels(t *testing.T) {
	for _, models := range append(changes(), twenty()) {
		for _, model := range models {
			s, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.DBNames) != 10 || len(s.ParseIndexes()) != 3 {
				t.Errorf("%s has %d columns and %d indexes", s.Table, len(s.DBNames), len(s.ParseIndexes()))
			}
		}
	}
}
