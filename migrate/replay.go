package migrate

import (
	"context"
	"strings"
	"sync"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// batch is the tenants of one structure. The first to come is the canary: AutoMigrate
// migrates it, and what it sent is replayed for the others.
type batch struct {
	u      *upgrade
	mu     sync.Mutex
	canary string          // the ID of the tenant whose statements are replayed
	script *tenancy.Script // nil: there was none yet
	after  string          // the canary's fingerprint when it was done
}

// migrate brings one tenant to the models and says how, where that deserves a word.
func (b *batch) migrate(ctx context.Context, t tenancy.Tenant) (string, error) {
	led, err := b.lead(ctx, t)
	switch {
	case led || err != nil:
		return "", err
	case b.script.Doubt != "":
		return "by itself: " + b.script.Doubt, b.u.alone(ctx, t)
	case len(b.script.Statements) == 0 && b.u.found[b.u.key(t)].Owner == t.ID:
		b.u.conforms(t, b.after)
		return "", nil
	}
	err = b.replay(ctx, t)
	if err == nil || locked(err) || ctx.Err() != nil {
		return "", err
	}
	return "by itself: the statements recorded for " + b.canary + " failed: " + err.Error(), b.u.alone(ctx, t)
}

// lead makes t the canary if there is none.
func (b *batch) lead(ctx context.Context, t tenancy.Tenant) (led bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.script != nil {
		return false, nil
	}
	script, skipped, err := b.u.apply(ctx, t, nil, "")
	if err != nil || skipped {
		return true, err
	}
	b.u.ended(t, "")
	after, err := b.u.m.learn(ctx, t, &script)
	if err != nil {
		return true, err
	}
	b.canary, b.script, b.after = t.ID, &script, after
	if script.New && script.Doubt == "" {
		b.u.m.baseline.CompareAndSwap(nil, &baseline{script, after})
	}
	return true, nil
}

func (b *batch) replay(ctx context.Context, t tenancy.Tenant) error {
	_, skipped, err := b.u.apply(ctx, t, b.script, b.after)
	if err == nil && !skipped {
		b.u.ended(t, b.after)
	}
	return err
}

// learn asks what became of a canary: the fingerprint, and whether the models agree with it.
func (m *Migrator) learn(ctx context.Context, t tenancy.Tenant, script *tenancy.Script) (string, error) {
	if len(script.Statements) > 0 {
		again, err := m.fleet.Apply(ctx, t, tenancy.Change{Dry: true})
		if err != nil {
			return "", err
		}
		if len(again.Statements) > 0 && script.Doubt == "" {
			script.Doubt = "AutoMigrate would send once more: " + strings.TrimSpace(again.Statements[0])
		}
	}
	found, err := m.fleet.Survey(ctx, []tenancy.Tenant{t})
	return found[m.in.Provider().Group(t)].Fingerprint, err
}

// apply changes one tenant, unless another runner has done it since the survey. The
// ledger is told in the same transaction, where there is one.
func (u *upgrade) apply(ctx context.Context, t tenancy.Tenant, script *tenancy.Script, after string) (did tenancy.Script, skipped bool, err error) {
	key := u.key(t)
	change := u.m.change(script)
	change.Begun = func(ctx context.Context, base gorm.ConnPool) (bool, error) {
		now, err := u.m.ledger.one(ctx, base, key)
		skipped = err == nil && now.Version == u.version && now.TenantID == t.ID && now != u.entries[key]
		return skipped, err
	}
	change.Ended = func(ctx context.Context, base gorm.ConnPool) error {
		return u.m.ledger.write(ctx, base, entry{Name: key, TenantID: t.ID, Version: u.version, Fingerprint: after})
	}
	err = u.m.retried(ctx, func() (err error) {
		did, err = u.m.fleet.Apply(ctx, t, change)
		return err
	})
	return did, skipped, err
}

// change is a change under the limits of the options.
func (m *Migrator) change(script *tenancy.Script) tenancy.Change {
	return tenancy.Change{Script: script, LockTimeout: m.lockTimeout, StatementTimeout: m.statementTimeout}
}

// alone lets AutoMigrate migrate one tenant.
func (u *upgrade) alone(ctx context.Context, t tenancy.Tenant) error {
	_, skipped, err := u.apply(ctx, t, nil, "")
	if err == nil && !skipped {
		u.ended(t, "")
	}
	return err
}
