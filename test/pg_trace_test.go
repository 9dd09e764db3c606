package test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
	"github.com/gormtenancy/tenancy/strategies"
)

// pgTracer notes what begins and what ends.
type pgTracer struct {
	mu    sync.Mutex
	begun []string
	open  int
}

type pgTraced struct{}

func (p *pgTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun, p.open = append(p.begun, data.SQL), p.open+1
	return context.WithValue(ctx, pgTraced{}, true)
}

func (p *pgTracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Value(pgTraced{}) != nil {
		p.open--
	}
}

// TestPGTracersSeeStatements: whoever traces pgx goes on seeing each statement once, also
// where it travels with its settings.
func TestPGTracersSeeStatements(t *testing.T) {
	t.Parallel()
	server := newPG(t)
	config, err := pgx.ParseConfig(server.DSN)
	must(t, err)
	tracer := &pgTracer{}
	config.Tracer = tracer
	pool := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = pool.Close() })
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{Logger: logger.Discard})
	must(t, err)
	must(t, db.Use(tenancy.Plugin(tenancy.Config{Strategy: strategies.RLS{}, Models: ownedModels(), Shared: sharedModels()})))
	t.Cleanup(func() { must(t, tenancy.Close(db)) })
	m, err := migrate.New(db)
	must(t, err)
	s := &site{kind: kind{name: pgRLS.name}, db: db, migrate: m}
	s.provision(t, "acme")
	for name, do := range map[string]func(){
		"read":  func() { must(t, s.as("acme").Find(&[]folio{}).Error) },
		"write": func() { must(t, s.as("acme").Model(&folio{ID: 1}).Update("hits", 1).Error) },
		"wrong": func() { fails(t, s.as("acme").Model(&folio{}).Where("id = 1").Update("hits", gorm.Expr("1/0")).Error) },
	} {
		do() // what is prepared is prepared
		tracer.begun = nil
		do()
		seen := slices.DeleteFunc(tracer.begun, func(query string) bool { return !strings.Contains(query, `"folios"`) })
		if len(seen) != 1 || tracer.open != 0 {
			t.Errorf("%s: %q was traced, and %d have no end", name, seen, tracer.open)
		}
	}
}
