package migrate

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gormtenancy/tenancy"
)

// upgrade is a run of Up over tenants that have structures of their own.
type upgrade struct {
	*picture

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

// upgrade brings the tenants of a run to the models.
func (m *Migrator) upgrade(ctx context.Context, r *run) (*Report, error) {
	u, drift, err := m.prepare(ctx, r.tenants())
	if err != nil {
		return &Report{}, m.failed(err, "up", tenancy.Tenant{})
	}
	r.each(ctx, u.one)
	u.asking.Wait()
	if err := u.verify(ctx, r); err != nil {
		return &Report{Results: r.results}, m.failed(err, "up", tenancy.Tenant{})
	}
	for i := range r.results {
		if r.results[i].State == Done {
			r.results[i].Differed = drift[u.key(r.results[i].Tenant)]
		}
	}
	return r.report()
}

// prepare looks at everything before the first change.
func (m *Migrator) prepare(ctx context.Context, tenants []tenancy.Tenant) (*upgrade, map[string][]string, error) {
	if err := m.ledger.create(ctx); err != nil {
		return nil, nil, err
	}
	p, err := m.look(ctx, tenants)
	if err != nil {
		return nil, nil, err
	}
	if err := p.shared(ctx); err != nil {
		return nil, nil, err
	}
	drift, err := p.drift(ctx, tenants)
	u := &upgrade{picture: p, tenants: map[string]func() outcome{}, batches: map[string]*batch{}, changed: map[string]ending{}}
	return u, drift, err
}

// sharedModels is the name of the shared models in the ledger. No tenant's is like it.
const sharedModels = "(shared models)"

// shared brings the shared models' tables to the models, unless the ledger is trusted and
// says that they are.
func (p *picture) shared(ctx context.Context) error {
	if len(p.m.in.Shared()) == 0 {
		return nil
	}
	version, err := p.m.sharedVersion()
	if err != nil {
		return err
	}
	if p.m.trust && p.entries[sharedModels].Version == version {
		return nil
	}
	if err := p.m.in.MigrateShared(ctx); err != nil {
		return err
	}
	if p.entries[sharedModels].Version == version {
		return nil
	}
	base, err := p.m.in.Base()
	if err != nil {
		return err
	}
	return p.m.ledger.write(ctx, base, entry{Name: sharedModels, Version: version})
}

// one does one tenant's part.
func (u *upgrade) one(ctx context.Context, result *Result) {
	t := result.Tenant
	result.State = Failed
	if _, err := u.m.in.Bind(t); err != nil {
		result.Err = u.m.complete(err, "up", t)
		return
	}
	did := u.once(ctx, t)
	result.Note, result.Changed, result.Err = did.note, did.changed, u.m.failed(did.err, "up", t)
	if result.Err == nil {
		result.State = Done
	}
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
		b = &batch{u: u}
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
	if err := u.survey(ctx, changed); err != nil {
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
	base, err := u.m.in.Base()
	if err != nil {
		return err
	}
	if err := u.m.ledger.write(ctx, base, entries...); err != nil {
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
		if result := &r.results[i]; result.State == Done {
			result.Differs = found[pair{u.found[u.key(result.Tenant)].Fingerprint, most}]
		}
	}
	return nil
}
