package migrate

import (
	"context"
	"slices"
	"strings"
	"sync"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// batch is the tenants of one structure. The first to come is the canary: AutoMigrate
// migrates it, and what it sent is replayed for the others.
type batch struct {
	u      *upgrade
	before string // the tenants' fingerprint
	mu     sync.Mutex
	canary string          // the ID of the tenant whose statements are replayed
	script *tenancy.Script // nil: there was none yet
	after  string          // the canary's fingerprint when it was done

	touched touched // zero: all of a tenant is looked at again when it was changed

	unsettled string // why the canary may not be done: AutoMigrate would send more
}

// migrate brings one tenant to the models.
func (b *batch) migrate(ctx context.Context, t tenancy.Tenant) outcome {
	led, did := b.lead(ctx, t)
	switch {
	case led:
		return did
	case b.script.Doubt != "":
		return b.alone(ctx, t, b.script.Doubt)
	case len(b.script.Statements) == 0 && b.u.found[b.u.key(t)].Owner == t.ID:
		b.u.conforms(t, b.after)
		return outcome{}
	}
	did = b.replay(ctx, t)
	if did.err == nil || locked(did.err) || ctx.Err() != nil {
		return did
	}
	return b.alone(ctx, t, "the statements recorded for "+b.canary+" failed: "+did.err.Error())
}

// lead makes t the canary if there is none.
func (b *batch) lead(ctx context.Context, t tenancy.Tenant) (led bool, did outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.script != nil {
		return false, did
	}
	if b.u.believed[b.u.key(t)] {
		if now, err := b.u.m.fingerprint(ctx, t); err != nil {
			return true, outcome{err: err}
		} else if now != b.before {
			return true, b.alone(ctx, t, "it is not as the last run has left it")
		}
	}
	change := b.u.m.change(nil)
	var err error
	if change.Only, err = b.u.outdated(t); err != nil {
		return true, outcome{err: err}
	}
	script, skipped, err := b.u.apply(ctx, t, change, "")
	if err != nil || skipped {
		return true, outcome{err: err}
	}
	b.u.ended(t, "", b)
	after, touched, err := b.u.m.left(ctx, script, t)
	if err != nil {
		return true, outcome{err: err}
	}
	if len(script.Statements) == 0 && after != b.before { // another run was there since the survey
		return true, outcome{changed: script.New}
	}
	b.ask(ctx, t, baseline{script, after})
	b.canary, b.script, b.after, b.touched = t.ID, &script, after, touched
	return true, outcome{changed: script.New || len(script.Statements) > 0}
}

// replay runs the canary's statements for another tenant.
func (b *batch) replay(ctx context.Context, t tenancy.Tenant) outcome {
	did, skipped, err := b.u.apply(ctx, t, b.u.m.change(b.script), b.after)
	if err == nil && !skipped {
		b.u.ended(t, b.after, b)
	}
	return outcome{err: err, changed: err == nil && !skipped && (did.New || len(did.Statements) > 0)}
}

// alone lets AutoMigrate migrate one tenant, and says why.
func (b *batch) alone(ctx context.Context, t tenancy.Tenant, why string) outcome {
	script, skipped, err := b.u.apply(ctx, t, b.u.m.change(nil), "")
	if err == nil && !skipped {
		b.u.ended(t, "", b)
	}
	return outcome{note: byItself + why, err: err, changed: script.New || len(script.Statements) > 0}
}

// byItself begins the notes on tenants for whom nothing was replayed.
const byItself = "migrated by itself: "

// ask asks whether the canary's migration is complete, while the others are migrated as it was.
func (b *batch) ask(ctx context.Context, t tenancy.Tenant, did baseline) {
	b.u.asking.Go(func() {
		more, err := b.u.m.unsettled(ctx, t, did.script)
		switch {
		case err != nil:
			more = "whether the first tenant's migration is complete is not known: " + err.Error()
		case more == "" && did.script.New && did.script.Doubt == "":
			b.u.m.baseline.CompareAndSwap(nil, &did)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.unsettled = more
	})
}

// unsettled asks whether AutoMigrate would send more to a tenant that it has migrated, and
// says what. Only the models are asked about whose tables the script names: for the
// others there was nothing to do before, either.
func (m *tier) unsettled(ctx context.Context, t tenancy.Tenant, script tenancy.Script) (string, error) {
	if len(script.Statements) == 0 {
		return "", nil
	}
	only, err := m.named(script.Statements)
	if err != nil {
		return "", err
	}
	again, err := m.fleet.Apply(ctx, t, tenancy.Change{Dry: true, Only: only})
	if err != nil || len(again.Statements) == 0 {
		return "", err
	}
	return "AutoMigrate would send once more: " + strings.TrimSpace(again.Statements[0]), nil
}

// named lists the models whose tables, or join tables, are named in statements.
func (m *Migrator) named(statements []string) ([]any, error) {
	text := strings.Join(statements, "\n")
	var models []any
	for _, model := range m.in.Models() {
		tables, err := m.tablesOf(model)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(tables, func(table string) bool { return strings.Contains(text, table) }) {
			models = append(models, model)
		}
	}
	return models, nil
}

// apply changes one tenant, unless another runner has done it since the survey.
func (u *upgrade) apply(ctx context.Context, t tenancy.Tenant, change tenancy.Change, after string) (did tenancy.Script, skipped bool, err error) {
	key := u.key(t)
	e := entry{Name: key, TenantID: t.ID, Version: u.version, Fingerprint: after}
	change.Begun = func(ctx context.Context, base gorm.ConnPool) (bool, error) {
		skipped, err = u.m.overtaken(ctx, base, e, u.entries[key])
		return skipped, err
	}
	did, _, err = u.m.apply(ctx, t, change, e)
	return did, skipped, err
}

// overtaken reports whether the ledger says of a tenant, by now, what e says and known did
// not. Where it is in the transaction of the change, it is told e, if not.
func (m *tier) overtaken(ctx context.Context, base gorm.ConnPool, e, known entry) (bool, error) {
	if !apart(base) {
		claimed, err := m.ledger.claim(ctx, base, e, known)
		return err == nil && !claimed, err
	}
	now, err := m.ledger.one(ctx, base, e.Name)
	return err == nil && now.says(e) && now != known, err
}

// apply changes one tenant. The change tells the ledger when it has begun, where that is in
// the same transaction. Where it is another's, it is told as much as can be said before the
// change is committed, and the rest after.
func (m *tier) apply(ctx context.Context, t tenancy.Tenant, change tenancy.Change, e entry) (did tenancy.Script, told bool, err error) {
	ended := false
	change.Ended = func(ctx context.Context, base gorm.ConnPool) error {
		ended, told = true, !apart(base)
		if told {
			return nil
		}
		return m.ledger.write(ctx, base, provisional(e))
	}
	err = m.retried(ctx, func() (err error) {
		did, err = m.fleet.Apply(ctx, t, change)
		return err
	})
	if err == nil && ended && !told {
		err = m.ledger.record(ctx, committed(e))
	}
	return did, told, err
}

// change is a change under the limits of the options.
func (m *Migrator) change(script *tenancy.Script) tenancy.Change {
	return tenancy.Change{Script: script, LockTimeout: m.lockTimeout, StatementTimeout: m.statementTimeout}
}
