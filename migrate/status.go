package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/gormtenancy/tenancy"
)

// compare sorts the tenants of a run by what the catalog, the ledger and the models say.
func (m *Migrator) compare(ctx context.Context, r *run) (*Report, error) {
	p, err := m.look(ctx, r.tenants())
	if err != nil {
		return &Report{}, m.failed(err, "status", tenancy.Tenant{})
	}
	asked, err := p.ask(ctx, r.tenants())
	if err != nil {
		return &Report{}, m.failed(err, "status", tenancy.Tenant{})
	}
	drift, err := p.drift(ctx, r.tenants())
	if err != nil {
		return &Report{}, m.failed(err, "status", tenancy.Tenant{})
	}
	r.each(ctx, func(_ context.Context, result *Result) {
		t := result.Tenant
		if _, err := m.in.Bind(t); err != nil {
			result.State, result.Err = Failed, m.complete(err, "status", t)
			return
		}
		result.State, result.Err = p.judge(t, asked, drift[p.key(t)])
		result.Err = m.failed(result.Err, "status", t)
		result.Differs = drift[p.key(t)]
	})
	return r.report()
}

// ask asks, for one tenant of each structure that no run has left, what AutoMigrate would
// send.
func (p *picture) ask(ctx context.Context, tenants []tenancy.Tenant) (map[string][]string, error) {
	asked := map[string][]string{}
	for _, t := range tenants {
		structure := p.found[p.key(t)]
		_, known := asked[structure.Fingerprint]
		if known || structure.Owner != t.ID || p.current[structure.Fingerprint] {
			continue
		}
		script, err := p.m.fleet.Apply(ctx, t, tenancy.Change{Dry: true})
		if err != nil {
			return nil, err
		}
		asked[structure.Fingerprint] = script.Statements
	}
	return asked, nil
}

// judge says what state a tenant is in, and the error that goes with it.
func (p *picture) judge(t tenancy.Tenant, asked map[string][]string, drift []string) (State, error) {
	structure, e := p.found[p.key(t)], p.entries[p.key(t)]
	wanted := asked[structure.Fingerprint]
	switch {
	case structure.Err != nil:
		return Failed, structure.Err
	case p.untouched(t):
		return UpToDate, nil
	case structure.Owner == "":
		return Missing, &tenancy.Error{Kind: tenancy.ErrNotProvisioned, Tenant: t.ID, Detail: "the database knows nothing of the tenant; run migrate.Provision"}
	case structure.Owner != t.ID:
		return Failed, &tenancy.Error{Kind: tenancy.ErrTenantMismatch, Tenant: t.ID, Detail: fmt.Sprintf("%q belongs to the tenant %q; give each tenant a name of its own", p.key(t), structure.Owner)}
	case p.current[structure.Fingerprint]:
		return UpToDate, nil
	case len(wanted) == 0 && (!p.recorded(t) || !p.drifted(t)):
		return UpToDate, nil
	case e.Fingerprint == structure.Fingerprint && e.Fingerprint != "":
		return Behind, &tenancy.Error{Kind: tenancy.ErrDrifted, Tenant: t.ID, Detail: "the models have changed; run migrate.Up: " + listed(wanted)}
	default:
		return Drifted, &tenancy.Error{Kind: tenancy.ErrDrifted, Tenant: t.ID, Detail: listed(append(drift, wanted...))}
	}
}

// listed writes findings in one line.
func listed(findings []string) string {
	lines := make([]string, len(findings))
	for i, finding := range findings {
		lines[i] = strings.TrimSpace(finding)
	}
	return strings.Join(lines, "; ")
}
