package strategies

import (
	"errors"
	"testing"

	"github.com/gormtenancy/tenancy"
)

func TestOneTenantCannotTakeAllConnections(t *testing.T) {
	for _, test := range []struct {
		name      string
		each, all int
		fails     bool
		wantTotal int
	}{
		{"defaults", 4, 0, false, 64},
		{"many for each", 40, 0, false, 80},
		{"as many for each as for all", 4, 4, true, 0},
		{"one more for all", 4, 5, false, 5},
	} {
		got, err := Database{MaxConns: test.each, MaxServerConns: test.all}.slots()
		if errors.Is(err, tenancy.ErrConfig) != test.fails || got.cfg.Total != test.wantTotal {
			t.Errorf("%s: a total of %d, %v", test.name, got.cfg.Total, err)
		}
	}
}
