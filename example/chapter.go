package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// chapter is the story of one strategy.
type chapter struct {
	title      string
	promise    string
	strategy   tenancy.Strategy
	base       gorm.Dialector
	own        bool // each tenant has tables of its own
	rawRefused bool

	log *sqlLog
	db  *gorm.DB
}

var pair = []tenancy.Tenant{{ID: "acme"}, {ID: "globex"}}

const fleetSize = 20

// tell tells the chapter, and fails at the first thing that is not as it should be.
func (c *chapter) tell(ctx context.Context) (err error) {
	fmt.Printf("\n%s\n%s\n%s\n", c.title, strings.Repeat("=", len(c.title)), c.promise)
	c.log = newSQLLog()
	if c.db, err = c.open(); err != nil {
		return err
	}
	defer func() {
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
	}()
	for _, part := range []struct {
		name string
		tell func(context.Context) error
	}{
		{"Two tenants with the same keys", c.sameKeys},
		{"What each of them reads", c.reads},
		{"No tenant in the context", c.noTenant},
		{"Taking another tenant's row", c.theft},
		{"SQL written by hand", c.raw},
		{"A fleet of tenants", c.fleet},
		{"Removing a tenant", c.destroy},
	} {
		fmt.Printf("\n  %s\n", part.name)
		if err := part.tell(ctx); err != nil {
			return fmt.Errorf("%s: %w", strings.ToLower(part.name), err)
		}
	}
	return nil
}

func (c *chapter) as(ctx context.Context, t tenancy.Tenant) *gorm.DB {
	return c.db.WithContext(tenancy.WithTenant(ctx, t))
}

func (c *chapter) sameKeys(ctx context.Context) error {
	m, err := migrate.New(c.db)
	if err != nil {
		return err
	}
	for _, t := range pair {
		if err := m.Provision(ctx, t); err != nil {
			return err
		}
	}
	if err := c.db.Create(&Plan{ID: 1, Name: "pro"}).Error; err != nil { // shared: needs no tenant
		return err
	}
	for _, t := range pair {
		user := User{ID: 1, Name: "Ann of " + t.ID, PlanID: 1, Orders: []Order{{Item: "a chair for " + t.ID}}}
		if err := c.as(ctx, t).Create(&user).Error; err != nil {
			return err
		}
		say("%-7s has the user 1, %q", t.ID, user.Name)
	}
	return nil
}

func (c *chapter) reads(ctx context.Context) error {
	for _, t := range pair {
		var users []User
		if err := c.as(ctx, t).Find(&users).Error; err != nil {
			return err
		}
		sent := c.log.last
		if err := c.as(ctx, t).Preload("Orders").Preload("Plan").Find(&users).Error; err != nil {
			return err
		}
		if len(users) != 1 || users[0].Name != "Ann of "+t.ID || len(users[0].Orders) != 1 || users[0].Orders[0].Item != "a chair for "+t.ID {
			return fmt.Errorf("%s reads %+v", t.ID, users)
		}
		say("%-7s reads %q, who ordered %q on the plan %q", t.ID, users[0].Name, users[0].Orders[0].Item, users[0].Plan.Name)
		say("        %s", sent)
	}
	return nil
}

func (c *chapter) noTenant(ctx context.Context) error {
	before := c.log.sent
	var users []User
	err := c.db.WithContext(ctx).Find(&users).Error
	if c.log.sent != before {
		return fmt.Errorf("%d statements were sent", c.log.sent-before)
	}
	return refused(err, tenancy.ErrNoTenant)
}

// theft saves a row under a key that is globex's. GORM's Save updates nothing, and
// then inserts with an update on conflict, which would take the row over.
func (c *chapter) theft(ctx context.Context) error {
	acme, globex := pair[0], pair[1]
	var theirs Order
	if err := c.as(ctx, globex).First(&theirs).Error; err != nil {
		return err
	}
	err := c.as(ctx, acme).Save(&Order{ID: theirs.ID, UserID: 1, Item: "stolen"}).Error
	if !c.own { // one table for all: the key exists
		if err := refused(err, tenancy.ErrTenantMismatch); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := refused(c.as(ctx, acme).Create(&Order{TenantID: globex.ID, UserID: 1, Item: "planted"}).Error, tenancy.ErrTenantMismatch); err != nil {
		return err
	}
	var after Order
	if err := c.as(ctx, globex).First(&after, theirs.ID).Error; err != nil {
		return err
	}
	if after != theirs {
		return fmt.Errorf("globex's order is now %+v", after)
	}
	say("globex still has %q", after.Item)
	return nil
}

func (c *chapter) raw(ctx context.Context) error {
	var names []string
	err := c.as(ctx, pair[0]).Raw("SELECT name FROM users WHERE users.id = ?", 1).Scan(&names).Error
	if c.rawRefused {
		return refused(err, tenancy.ErrRawSQL)
	}
	if err != nil {
		return err
	}
	if len(names) != 1 || names[0] != "Ann of acme" {
		return fmt.Errorf("read %q", names)
	}
	table, err := tenancy.Table(c.as(ctx, pair[0]), &User{})
	if err != nil {
		return err
	}
	say("SELECT name FROM users … reads %q: for acme that table is %s", names, table)
	return nil
}

func (c *chapter) fleet(ctx context.Context) error {
	tenants := make([]tenancy.Tenant, fleetSize)
	for i := range tenants {
		tenants[i] = tenancy.Tenant{ID: fmt.Sprintf("customer %02d", i+1)}
	}
	m, err := migrate.New(c.db, migrate.Progress(os.Stdout))
	if err != nil {
		return err
	}
	report, err := m.Up(ctx, migrate.Tenants(tenants...))
	if err != nil {
		return err
	}
	status, err := m.Status(ctx, migrate.Tenants(tenants...))
	if err != nil {
		return err
	}
	if report.Count(migrate.Done) != fleetSize || status.Count(migrate.UpToDate) != fleetSize {
		return fmt.Errorf("%d tenants are done and %d up to date, of %d", report.Count(migrate.Done), status.Count(migrate.UpToDate), fleetSize)
	}
	say("%d tenants migrated, and verified by asking the database", fleetSize)
	return nil
}

func (c *chapter) destroy(ctx context.Context) error {
	m, err := migrate.New(c.db)
	if err != nil {
		return err
	}
	if err := m.Destroy(ctx, pair[0]); err != nil {
		return err
	}
	var users int64
	switch err := c.as(ctx, pair[0]).Model(&User{}).Count(&users).Error; {
	case !c.own && err != nil:
		return err
	case c.own:
		if err := refused(err, tenancy.ErrNotProvisioned); err != nil {
			return err
		}
	}
	if users != 0 {
		return fmt.Errorf("acme still has %d users", users)
	}
	if err := m.Verify(ctx, pair[1]); err != nil {
		return err
	}
	if err := c.as(ctx, pair[1]).Model(&User{}).Count(&users).Error; err != nil || users != 1 {
		return fmt.Errorf("globex has %d users: %w", users, err)
	}
	say("acme is gone, globex is whole")
	return nil
}

func (c *chapter) close() error {
	if err := tenancy.Close(c.db); err != nil {
		return err
	}
	base, err := c.db.DB()
	if err != nil {
		return err
	}
	return base.Close()
}

// refused makes sure that err is the refusal that was expected, and shows it.
func refused(err, expected error) error {
	if !errors.Is(err, expected) {
		return fmt.Errorf("expected %q, got %w", expected.Error(), err)
	}
	say("refused: %v", err)
	return nil
}

func say(format string, args ...any) { fmt.Printf("    "+format+"\n", args...) }
