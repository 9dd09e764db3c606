package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/hybrid"
	"github.com/gormtenancy/tenancy/migrate"
)

// promotion is the story of a tenant that gets tables of its own.
type promotion struct {
	chapter
	tiers sync.Map // the application's own record: a tenant's ID to its tier
}

// tellHybrid promotes acme out of the tables of standard, to premium.
func tellHybrid(ctx context.Context, base gorm.Dialector, premium, standard tenancy.Strategy) (err error) {
	p := &promotion{chapter: chapter{title: "Hybrid: common tables for most, tables of their own for some", base: base, log: newSQLLog()}}
	fmt.Printf("\n%s\n%s\nA tenant is promoted while all others are served.\n", p.title, strings.Repeat("=", len(p.title)))
	p.strategy = hybrid.New(hybrid.Config{Premium: premium, Standard: standard, IsPremium: p.isPremium})
	if p.db, err = p.open(); err != nil {
		return err
	}
	defer func() {
		if closeErr := p.close(); err == nil {
			err = closeErr
		}
	}()
	for _, part := range []struct {
		name string
		tell func(context.Context) error
	}{
		{"Two standard tenants with the same keys", p.sameKeys},
		{"What each of them reads", p.reads},
		{"Promoting acme", p.promote},
		{"What each of them reads now", p.reads},
		{"Nothing is left behind", p.verify},
	} {
		fmt.Printf("\n  %s\n", part.name)
		if err := part.tell(ctx); err != nil {
			return fmt.Errorf("hybrid: %s: %w", strings.ToLower(part.name), err)
		}
	}
	return nil
}

func (p *promotion) isPremium(t tenancy.Tenant) bool {
	tier, _ := p.tiers.Load(t.ID)
	return tier == hybrid.TierPremium
}

// promote moves acme, and tries to write just before the flip takes effect.
func (p *promotion) promote(ctx context.Context) error {
	acme, globex := pair[0], pair[1]
	before, err := p.tables(ctx)
	if err != nil {
		return err
	}
	flip := func(ctx context.Context, t tenancy.Tenant) error {
		if err := refused(p.as(ctx, acme).Create(&Order{UserID: 1, Item: "too late"}).Error, tenancy.ErrMoving); err != nil {
			return err
		}
		p.tiers.Store(t.ID, t.Tier)
		return nil
	}
	report, err := hybrid.Move(ctx, p.db, acme, hybrid.TierPremium, hybrid.Flip(flip), hybrid.Progress(func(p hybrid.MoveProgress) { say("%v", p) }))
	if err != nil {
		return err
	}
	say("%v", report)
	moved := map[string]int64{}
	for _, table := range report.Tables {
		moved[table.Table] = table.Rows
		say("%-7s %d rows", table.Table, table.Rows)
	}
	if !report.Moved || len(moved) != 2 || moved["users"] != 1 || moved["orders"] != 1 {
		return fmt.Errorf("the report is %+v", report)
	}
	after, err := p.tables(ctx)
	if err != nil {
		return err
	}
	if before[acme.ID] != before[globex.ID] || after[acme.ID] == before[acme.ID] || after[globex.ID] != before[globex.ID] {
		return fmt.Errorf("the tables were %v and are %v", before, after)
	}
	for _, t := range pair {
		say("%-7s had its users in %s, and has them in %s", t.ID, before[t.ID], after[t.ID])
	}
	return nil
}

// tables are where each tenant's users are.
func (p *promotion) tables(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	for _, t := range pair {
		table, err := tenancy.Table(p.as(ctx, t), &User{})
		if err != nil {
			return nil, err
		}
		if p.db.Name() == "mysql" { // where a tenant's own tables are in a database of its own
			var database string
			asked := tenancy.WithRawSQL(tenancy.WithTenant(ctx, t), "it names no table")
			if err := p.db.WithContext(asked).Raw("SELECT DATABASE()").Scan(&database).Error; err != nil {
				return nil, err
			}
			table = database + "." + table
		}
		found[t.ID] = table
	}
	return found, nil
}

func (p *promotion) verify(ctx context.Context) error {
	m, err := migrate.New(p.db)
	if err != nil {
		return err
	}
	for _, t := range pair {
		if err := m.Verify(ctx, t); err != nil {
			return err
		}
		if err := p.as(ctx, t).Create(&Order{UserID: 1, Item: "a lamp"}).Error; err != nil {
			return err
		}
		say("%-7s is whole, in one tier alone, and writes on", t.ID)
	}
	return nil
}
