package migrate

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/gormtenancy/tenancy"
)

// Plan is what Up would do.
type Plan struct {
	Groups []Group
}

// Group is tenants of one structure, and what Up would send for the first of them. The
// others get the same, unless it turns out that they need something else.
type Group struct {
	Fingerprint string           `json:"fingerprint"` // empty: there is nothing yet
	Tenants     []tenancy.Tenant `json:"-"`
	Statements  []string         `json:"statements"` // none: the group is up to date
}

// Plan looks at all tenants as Up does and tells what it would do. It changes nothing:
// neither tenants, nor shared models, nor the ledger. Strategies whose tenants share
// their tables have no plan: [tenancy.ErrConfig].
func (m *Migrator) Plan(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*Plan, error) {
	if m.fleet == nil {
		return nil, m.complete(&tenancy.Error{Kind: tenancy.ErrConfig, Detail: "this strategy does not tell tenants apart by their structures; use Status"}, "plan", tenancy.Tenant{})
	}
	r := m.begin("plan", tenants)
	if r.source != nil {
		return nil, r.source
	}
	for _, t := range r.tenants() {
		if _, err := m.in.Bind(t); err != nil {
			return nil, m.complete(err, "plan", t)
		}
	}
	p, err := m.look(ctx, r.tenants())
	if err != nil {
		return nil, m.failed(err, "plan", tenancy.Tenant{})
	}
	plan := &Plan{}
	at := map[string]int{}
	for _, t := range r.tenants() {
		fingerprint := p.found[p.key(t)].Fingerprint
		if p.untouched(t) {
			fingerprint = p.entries[p.key(t)].Fingerprint
		}
		i, known := at[fingerprint]
		if !known {
			i = len(plan.Groups)
			at[fingerprint] = i
			plan.Groups = append(plan.Groups, Group{Fingerprint: fingerprint})
		}
		plan.Groups[i].Tenants = append(plan.Groups[i].Tenants, t)
	}
	for i := range plan.Groups {
		g := &plan.Groups[i]
		if p.current[g.Fingerprint] {
			continue
		}
		script, err := m.fleet.Apply(ctx, g.Tenants[0], tenancy.Change{Dry: true})
		if err != nil {
			return nil, m.failed(err, "plan", g.Tenants[0])
		}
		g.Statements = script.Statements
	}
	return plan, nil
}

// Write writes the plan down: each group, and its statements.
func (p *Plan) Write(w io.Writer) error {
	for _, g := range p.Groups {
		what := "up to date"
		switch {
		case g.Fingerprint == "":
			what = "to be created"
		case len(g.Statements) > 0:
			what = "to be changed"
		}
		if _, err := fmt.Fprintf(w, "-- %d tenants %s: %s\n", len(g.Tenants), what, some(g.Tenants)); err != nil {
			return err
		}
		for _, statement := range g.Statements {
			if _, err := fmt.Fprintf(w, "%s;\n", strings.TrimSpace(statement)); err != nil {
				return err
			}
		}
	}
	return nil
}

// some names the first few tenants.
func some(tenants []tenancy.Tenant) string {
	const most = 5
	var ids []string
	for _, t := range tenants[:min(most, len(tenants))] {
		ids = append(ids, t.ID)
	}
	if len(tenants) > most {
		ids = append(ids, "…")
	}
	return strings.Join(ids, ", ")
}
