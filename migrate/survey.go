package migrate

import (
	"context"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
)

// recollection is what earlier runs have left.
type recollection struct {
	version string           // of the models, now
	entries map[string]entry // of the ledger, by tenancy.Provider.Group
	lineage lineage          // of the models
}

// recall reads what the ledger says of tenants, where there is one to be kept.
func (m *Migrator) recall(ctx context.Context, tenants []tenancy.Tenant) (r recollection, err error) {
	if !m.keeps() {
		return r, nil
	}
	if r.version, err = m.version(); err != nil {
		return r, err
	}
	var names []string
	if len(tenants) == 1 {
		names = []string{m.in.Provider().Group(tenants[0])}
	}
	r.entries, err = m.ledger.read(ctx, names...)
	r.lineage = newLineage()
	for _, e := range r.entries {
		if e.TenantID == "" {
			r.lineage.note(e)
		}
	}
	return r, err
}

// picture is what a run knows of a tier's tenants before it begins.
type picture struct {
	recollection

	m        *tier
	found    map[string]tenancy.Structure // by tenancy.Provider.Group
	believed map[string]bool              // found in the ledger alone, by the same
	current  map[string]bool              // fingerprints that runs have left with these models
	sample   map[string]tenancy.Tenant    // a tenant of each fingerprint
}

// look makes a picture of each tier whose tenants can be compared.
func (m *Migrator) look(ctx context.Context, known recollection, split map[*tier][]tenancy.Tenant) (map[*tier]*picture, error) {
	pictures := map[*tier]*picture{}
	for of, tenants := range split {
		if of.fleet == nil {
			continue
		}
		p, err := of.picture(ctx, known, tenants)
		if err != nil {
			return nil, err
		}
		pictures[of] = p
	}
	return pictures, nil
}

// picture surveys the tenants.
func (m *tier) picture(ctx context.Context, known recollection, tenants []tenancy.Tenant) (*picture, error) {
	p := &picture{
		recollection: known, m: m, found: make(map[string]tenancy.Structure, len(tenants)), believed: map[string]bool{},
		current: map[string]bool{}, sample: map[string]tenancy.Tenant{},
	}
	for name, e := range p.entries {
		if e.Version == p.version && e.Fingerprint != "" && strings.HasPrefix(name, m.prefix()) {
			p.current[e.Fingerprint] = true
		}
	}
	if m.trust {
		tenants = p.believe(tenants)
	}
	if err := p.survey(ctx, tenants); err != nil {
		return nil, err
	}
	return p, nil
}

// version names the state of the owned models.
func (m *Migrator) version() (string, error) {
	schemas, err := m.in.Ordered()
	if err != nil {
		return "", err
	}
	return versionOf(m.in, schemas), nil
}

// sharedVersion names the state of the shared models.
func (m *Migrator) sharedVersion() (string, error) {
	var schemas []*schema.Schema
	for _, value := range m.in.Shared() {
		stmt := &gorm.Statement{DB: m.in.DB()}
		if err := stmt.Parse(value); err != nil {
			return "", err
		}
		schemas = append(schemas, stmt.Schema)
	}
	return versionOf(m.in, schemas), nil
}

// survey looks at tenants, for the first time or again.
func (p *picture) survey(ctx context.Context, tenants []tenancy.Tenant) error {
	if len(tenants) == 0 {
		return nil
	}
	var found map[string]tenancy.Structure
	err := p.m.retried(ctx, func() (err error) {
		found, err = p.m.fleet.Survey(ctx, tenants)
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range tenants {
		p.note(t, found[p.m.provider.Group(t)])
	}
	return nil
}

// note keeps what was found of a tenant.
func (p *picture) note(t tenancy.Tenant, structure tenancy.Structure) {
	p.found[p.key(t)] = structure
	if structure.Err == nil {
		p.sample[structure.Fingerprint] = t
	}
}

func (p *picture) key(t tenancy.Tenant) string { return p.m.in.Provider().Group(t) }

// believe takes what the ledger says of tenants for what they are, and lists those of whom it
// says nothing. Of tenants that are done, nothing is noted.
func (p *picture) believe(tenants []tenancy.Tenant) (unknown []tenancy.Tenant) {
	for _, t := range tenants {
		e := p.entries[p.key(t)]
		switch {
		case p.recorded(t):
		case e.TenantID == t.ID && e.Fingerprint != "":
			p.believed[p.key(t)] = true
			p.note(t, tenancy.Structure{Owner: e.TenantID, Fingerprint: e.Fingerprint})
		default:
			unknown = append(unknown, t)
		}
	}
	return unknown
}

// recorded reports whether the ledger says that the tenant was brought to these models.
func (p *picture) recorded(t tenancy.Tenant) bool {
	e := p.entries[p.key(t)]
	return e.Version == p.version && e.TenantID == t.ID && e.Fingerprint != ""
}

// untouched reports whether the tenant is as a run with these models has left it.
func (p *picture) untouched(t tenancy.Tenant) bool {
	structure, surveyed := p.found[p.key(t)]
	if !surveyed {
		return p.m.trust && p.recorded(t)
	}
	return p.recorded(t) && structure.Owner == t.ID && structure.Fingerprint == p.entries[p.key(t)].Fingerprint
}

// drifted reports whether the tenant is not as the last run has left it.
func (p *picture) drifted(t tenancy.Tenant) bool {
	left := p.entries[p.key(t)].Fingerprint
	structure, surveyed := p.found[p.key(t)]
	return surveyed && structure.Err == nil && left != "" && left != structure.Fingerprint
}

// pair is two structures that are to be compared.
type pair struct{ actual, want string }

// compare says, for pairs of fingerprints, how the one differs from the other. Structures
// that no tenant has are left out.
func (p *picture) compare(ctx context.Context, pairs map[pair]bool) (map[pair][]string, error) {
	samples := map[string]tenancy.Tenant{}
	for both := range pairs {
		actual, known := p.sample[both.actual]
		want, alsoKnown := p.sample[both.want]
		if known && alsoKnown && both.actual != both.want {
			samples[both.actual], samples[both.want] = actual, want
		}
	}
	if len(samples) == 0 {
		return map[pair][]string{}, nil
	}
	list := make([]tenancy.Tenant, 0, len(samples))
	for _, t := range samples {
		list = append(list, t)
	}
	objects, err := p.m.fleet.Objects(ctx, list)
	if err != nil {
		return nil, err
	}
	found := make(map[pair][]string, len(pairs))
	for both := range pairs {
		actual, known := samples[both.actual]
		want, alsoKnown := samples[both.want]
		if known && alsoKnown {
			found[both] = differences(objects[p.m.provider.Group(actual)], objects[p.m.provider.Group(want)])
		}
	}
	return found, nil
}

// drift says how tenants differ from what the last run has left of them.
func (p *picture) drift(ctx context.Context, tenants []tenancy.Tenant) (map[string][]string, error) {
	pairs, of := map[pair]bool{}, map[string]pair{}
	for _, t := range tenants {
		if p.drifted(t) {
			both := pair{p.found[p.key(t)].Fingerprint, p.entries[p.key(t)].Fingerprint}
			if _, there := p.sample[both.want]; !there {
				both.want = p.common()
			}
			pairs[both], of[p.key(t)] = true, both
		}
	}
	found, err := p.compare(ctx, pairs)
	named := make(map[string][]string, len(of))
	for key, both := range of {
		named[key] = found[both]
	}
	return named, err
}

// common is the fingerprint that most tenants have, of those that agree with the models
// where there are any.
func (p *picture) common() string {
	count := map[string]int{}
	for _, structure := range p.found {
		if structure.Fingerprint != "" && (len(p.current) == 0 || p.current[structure.Fingerprint]) {
			count[structure.Fingerprint]++
		}
	}
	most := ""
	for fingerprint, n := range count {
		if n > count[most] || n == count[most] && fingerprint < most {
			most = fingerprint
		}
	}
	return most
}
