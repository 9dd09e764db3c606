package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/gormtenancy/tenancy"
)

// view is what there is to say of a tier's tenants by what the catalog, the ledger and the
// models say.
type view struct {
	*picture

	asked  map[string]answer   // what AutoMigrate would send, by fingerprint
	drifts map[string][]string // how tenants differ from what the last run has left, by key
}

// answer is what AutoMigrate would send to a tenant.
type answer struct {
	tenant     tenancy.Tenant
	statements []string
}

// compare looks at the tiers whose tenants can be compared.
func (m *Migrator) compare(ctx context.Context, tenants []tenancy.Tenant) (map[*tier]view, error) {
	known, err := m.recall(ctx, tenants)
	if err != nil {
		return nil, err
	}
	split := m.split(tenants)
	pictures, err := m.look(ctx, known, split)
	if err != nil {
		return nil, err
	}
	views := make(map[*tier]view, len(pictures))
	for of, p := range pictures {
		v := view{picture: p}
		if v.asked, err = p.ask(ctx, split[of]); err != nil {
			return nil, err
		}
		if v.drifts, err = p.drift(ctx, split[of]); err != nil {
			return nil, err
		}
		views[of] = v
	}
	return views, nil
}

// report fills in what became of a tenant.
func (v view) report(result *Result) {
	t := result.Tenant
	result.Differs = v.drifts[v.key(t)]
	result.State, result.Err = v.judge(t, v.wanted(t), result.Differs)
	result.Err = v.m.failed(result.Err, "status", t)
}

// ask asks, for one tenant of each structure that no run has left, what AutoMigrate would
// send.
func (p *picture) ask(ctx context.Context, tenants []tenancy.Tenant) (map[string]answer, error) {
	asked := map[string]answer{}
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
		asked[structure.Fingerprint] = answer{t, script.Statements}
	}
	return asked, nil
}

// wanted is what AutoMigrate would send to a tenant: where tables have prefixes, with its own,
// and not with that of the tenant that was asked about.
func (v view) wanted(t tenancy.Tenant) []string {
	asked := v.asked[v.found[v.key(t)].Fingerprint]
	theirs, err := v.m.in.Bind(asked.tenant)
	own, ownErr := v.m.in.Bind(t)
	if err != nil || ownErr != nil || theirs.Names.Prefix == "" {
		return asked.statements // there are none, or they name no tenant
	}
	statements := make([]string, len(asked.statements))
	for i, statement := range asked.statements {
		statements[i] = strings.ReplaceAll(statement, theirs.Names.Prefix, own.Names.Prefix)
	}
	return statements
}

// judge says what state a tenant is in, and the error that goes with it.
func (p *picture) judge(t tenancy.Tenant, wanted, drift []string) (State, error) {
	structure, e := p.found[p.key(t)], p.entries[p.key(t)]
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
		return Behind, &tenancy.Error{Kind: tenancy.ErrBehind, Tenant: t.ID, Detail: "the models have changed; run migrate.Up: " + listed(wanted)}
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
