package routing_test

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// TestFixedConnection: a connection taken by hand from a pool that is fixed to a tenant is the
// tenant's, and no other's.
func TestFixedConnection(t *testing.T) {
	open := func() *sql.DB {
		db, err := sql.Open("sqlite3", ":memory:")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	base, own := open(), open()
	released := 0
	target := &routing.Target{Acquire: func(context.Context) (gorm.ConnPool, func(), error) {
		return own, func() { released++ }, nil
	}}
	for _, c := range []struct {
		pool gorm.ConnPool
		want *sql.DB
	}{
		{routing.New(base, routing.Router{}), base},
		{routing.New(base, routing.Router{}).Fixed(&routing.Target{}), base},
		{routing.New(base, routing.Router{}).Fixed(target), own},
	} {
		got, err := c.pool.(gorm.GetDBConnector).GetDBConn()
		if err != nil || got != c.want {
			t.Errorf("got %p, %v, want %p", got, err, c.want)
		}
	}
	if released != 1 {
		t.Errorf("released %d times", released)
	}
}
