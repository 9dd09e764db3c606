package test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy/migrate"
)

// statementCounter is a logger that counts statements.
type statementCounter struct {
	logger.Interface
	n *atomic.Int64
}

func newStatementCounter() statementCounter { return statementCounter{logger.Discard, &atomic.Int64{}} }

func (c statementCounter) LogMode(logger.LogLevel) logger.Interface { return c }

func (c statementCounter) Trace(context.Context, time.Time, func() (string, int64), error) {
	c.n.Add(1)
}

// TestFleetOnce: tables that tenants share are migrated once, however many tenants there are.
func TestFleetOnce(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	for name, open := range map[string]func(t *testing.T, c statementCounter) *site{
		"rls": func(t *testing.T, c statementCounter) *site {
			return openPG(t, server, pgRLS, pgSetup{gorm: gorm.Config{Logger: c}}).site
		},
		"shared": func(t *testing.T, c statementCounter) *site {
			return openSite(t, byShared, setup{gorm: gorm.Config{Logger: c}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			statements := map[int]int64{}
			c := newStatementCounter()
			s := open(t, c)
			s.up(t, numbered(1)) // the tables are there afterwards
			for _, n := range []int{1, 40} {
				c.n.Store(0)
				report := s.up(t, numbered(n), migrate.Workers(4))
				statements[n] = c.n.Load()
				if len(report.Results) != n {
					t.Errorf("%d results for %d tenants", len(report.Results), n)
				}
			}
			if statements[1] == 0 || statements[1] != statements[40] {
				t.Errorf("%d statements for one tenant and %d for forty", statements[1], statements[40])
			}
		})
	}
}
