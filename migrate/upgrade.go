package migrate

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gormtenancy/tenancy"
)

// upgrade is a run of Up over a tier's tenants, which have structures of their own.
type upgrade struct {
	*picture

	drifts map[string][]string // how tenants differed from what the last run had left, by key

	tenants map[string]func() outcome // by key: a tenant that is named twice is migrated once

	mu      sync.Mutex
	batches map[string]*batch // by the fingerprint before
	changed map[string]ending // by key
	agreed  []entry           // tenants that needed no change

	asking sync.WaitGroup // for what canaries still lack
}

// outcome is what became of one tenant.
type outcome struct {
	note    string
	err     error
	changed bool
}

// ending is a tenant that was changed, and the fingerprint that it should have now.
// Empty: its own, whatever it is.
type ending struct {
	tenant tenancy.Tenant
	after  string
	batch  *batch
}

func newUpgrade(ctx context.Context, p *picture, tenants []tenancy.Tenant) (*upgrade, error) {
	drift, err := p.drift(ctx, tenants)
	return &upgrade{picture: p, drifts: drift, tenants: map[string]func() outcome{}, batches: map[string]*batch{}, changed: map[string]ending{}}, err
}

// finish verifies what was done.
func (u *upgrade) finish(ctx context.Context, r *run) error {
	u.asking.Wait()
	if err := u.verify(ctx, r); err != nil {
		return err
	}
	for i := range r.results {
		if differed, found := u.drifts[u.key(r.results[i].Tenant)]; found && r.results[i].State == Done {
			r.results[i].Differed = differed
		}
	}
	return nil
}

// sharedModels is the name of the shared models in the ledger. No tenant's is like it.
const sharedModels = "(shared models)"

// shared brings the shared models' tables to the models, unless the ledger is trusted and
// says that they are.
func (m *Migrator) shared(ctx context.Context, known recollection) error {
	if len(m.in.Shared()) == 0 {
		return nil
	}
	if !m.keeps() {
		return m.in.MigrateShared(ctx)
	}
	version, err := m.sharedVersion()
	if err != nil {
		return err
	}
	if m.trust && known.entries[sharedModels].Version == version {
		return nil
	}
	if err := m.in.MigrateShared(ctx); err != nil {
		return err
	}
	if known.entries[sharedModels].Version == version {
		return nil
	}
	return m.ledger.record(ctx, entry{Name: sharedModels, Version: version})
}

func (u *upgrade) once(ctx context.Context, t tenancy.Tenant) outcome {
	u.mu.Lock()
	do, known := u.tenants[u.key(t)]
	if !known {
		do = sync.OnceValue(func() outcome { return u.migrate(ctx, t) })
		u.tenants[u.key(t)] = do
	}
	u.mu.Unlock()
	return do()
}

func (u *upgrade) migrate(ctx context.Context, t tenancy.Tenant) outcome {
	structure := u.found[u.key(t)]
	switch {
	case u.untouched(t):
		return outcome{}
	case structure.Err != nil: // what it needs is not what others do of whom nothing is known
		return (&batch{u: u}).migrate(ctx, t)
	case structure.Owner == t.ID && u.current[structure.Fingerprint]:
		u.conforms(t, structure.Fingerprint)
		return outcome{}
	default:
		return u.batch(structure.Fingerprint).migrate(ctx, t)
	}
}

func (u *upgrade) batch(fingerprint string) *batch {
	u.mu.Lock()
	defer u.mu.Unlock()
	b := u.batches[fingerprint]
	if b == nil {
		b = &batch{u: u, before: fingerprint}
		if known := u.m.baseline.Load(); known != nil && fingerprint == "" {
			b.canary, b.script, b.after = "an earlier tenant", &known.script, known.after
		}
		u.batches[fingerprint] = b
	}
	return b
}

// conforms notes a tenant that is as the models say.
func (u *upgrade) conforms(t tenancy.Tenant, fingerprint string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.agreed = append(u.agreed, entry{Name: u.key(t), TenantID: t.ID, Version: u.version, Fingerprint: fingerprint})
}

// ended notes a tenant that was changed.
func (u *upgrade) ended(t tenancy.Tenant, after string, b *batch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.changed[u.key(t)] = ending{t, after, b}
}

// verify looks at the changed tenants again, migrates by itself whoever did not end like
// the canary, and tells the ledger.
func (u *upgrade) verify(ctx context.Context, r *run) error {
	if ctx.Err() != nil || len(u.changed)+len(u.agreed) == 0 {
		return u.leftovers(ctx, r)
	}
	changed := make([]tenancy.Tenant, 0, len(u.changed))
	for _, e := range u.changed {
		changed = append(changed, e.tenant)
	}
	if err := u.lookAgain(ctx, changed); err != nil {
		return err
	}
	mended := u.mend(ctx, changed)
	if err := u.survey(ctx, mended.tenants()); err != nil {
		return err
	}
	entries := u.agreed
	for _, t := range changed {
		if mended[u.key(t)].err != nil {
			continue
		}
		now := u.found[u.key(t)].Fingerprint
		u.current[now] = true
		entries = append(entries, entry{Name: u.key(t), TenantID: t.ID, Version: u.version, Fingerprint: now})
	}
	if err := u.m.ledger.record(ctx, entries...); err != nil {
		return err
	}
	for i := range r.results {
		if did, again := mended[u.key(r.results[i].Tenant)]; again && r.results[i].State == Done {
			r.results[i].Note = did.note
			r.results[i].Err = u.m.failed(did.err, "up", r.results[i].Tenant)
			if did.err != nil {
				r.results[i].State = Failed
			}
		}
	}
	return u.leftovers(ctx, r)
}

// lookAgain looks at tenants that were changed: at what their batch's script has touched where
// that is enough, and at everything of those who are not like the canary in that.
func (u *upgrade) lookAgain(ctx context.Context, changed []tenancy.Tenant) error {
	replayed := map[*batch][]tenancy.Tenant{}
	var others []tenancy.Tenant
	for _, t := range changed {
		if e := u.changed[u.key(t)]; e.after != "" && e.batch.touched.fleet != nil {
			replayed[e.batch] = append(replayed[e.batch], t)
		} else {
			others = append(others, t)
		}
	}
	for b, tenants := range replayed {
		unlike, err := u.lookAtTouched(ctx, b, tenants)
		if err != nil {
			return err
		}
		others = append(others, unlike...)
	}
	return u.survey(ctx, others)
}

// repairs are tenants that were migrated once more, by key.
type repairs map[string]repair

type repair struct {
	outcome

	tenant tenancy.Tenant
}

func (r repairs) tenants() []tenancy.Tenant {
	list := make([]tenancy.Tenant, 0, len(r))
	for _, one := range r {
		list = append(list, one.tenant)
	}
	return list
}

// mend migrates by itself whoever did not end like the canary.
func (u *upgrade) mend(ctx context.Context, changed []tenancy.Tenant) repairs {
	done := repairs{}
	var mu sync.Mutex
	var workers errgroup.Group
	workers.SetLimit(u.m.workers)
	for _, t := range changed {
		note := u.unlike(t)
		if note == "" {
			continue
		}
		workers.Go(func() error {
			err := u.m.retried(ctx, func() error {
				_, err := u.m.fleet.Apply(ctx, t, u.m.change(nil))
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			done[u.key(t)] = repair{outcome{note: note, err: err}, t}
			return nil
		})
	}
	_ = workers.Wait() // errors are among the outcomes
	return done
}

// unlike says why a tenant that was changed has to be migrated by itself. Empty: it need not.
func (u *upgrade) unlike(t tenancy.Tenant) string {
	e := u.changed[u.key(t)]
	switch {
	case e.batch.unsettled != "":
		return byItself + e.batch.unsettled
	case e.after != "" && e.after != u.found[u.key(t)].Fingerprint:
		return byItself + "the recorded statements led to another structure than the first tenant's"
	default:
		return ""
	}
}

// leftovers names what tenants have beyond the models, or otherwise than most.
func (u *upgrade) leftovers(ctx context.Context, r *run) error {
	if ctx.Err() != nil { // the report says so
		return nil //nolint:nilerr // as above
	}
	most := u.common()
	pairs := map[pair]bool{}
	for _, result := range r.results {
		if structure, surveyed := u.found[u.key(result.Tenant)]; surveyed && result.State == Done && structure.Fingerprint != most {
			pairs[pair{structure.Fingerprint, most}] = true
		}
	}
	found, err := u.compare(ctx, pairs)
	if err != nil {
		return err
	}
	for i := range r.results {
		result := &r.results[i]
		if structure, surveyed := u.found[u.key(result.Tenant)]; surveyed && result.State == Done {
			result.Differs = found[pair{structure.Fingerprint, most}]
		}
	}
	return nil
}
