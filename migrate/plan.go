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
	Tier        string           `json:"tier,omitempty"` // of a hybrid
	Fingerprint string           `json:"fingerprint"`    // empty: there is nothing yet, or nothing to compare
	Tenants     []tenancy.Tenant `json:"-"`
	Statements  []string         `json:"statements"`       // none: the group is up to date, or see Note
	Shared      bool             `json:"shared,omitempty"` // the tenants have their tables in common
	Note        string           `json:"note,omitempty"`   // why it is not known what Up would send
}

// Plan looks at all tenants as Up does and tells what it would do. It changes nothing:
// neither tenants, nor shared models, nor the ledger. Tables that tenants share are one
// group; the policies of tables that are not there yet are not shown. Tenants with tables
// of their own that cannot be compared are a group with a Note.
func (m *Migrator) Plan(ctx context.Context, tenants iter.Seq2[tenancy.Tenant, error]) (*Plan, error) {
	r := m.begin("plan", tenants)
	if r.source != nil {
		return nil, r.source
	}
	for _, t := range r.tenants() {
		if _, err := m.tierOf(t); err != nil {
			return nil, m.complete(err, "plan", t)
		}
	}
	known, err := m.recall(ctx, r.tenants())
	if err != nil {
		return nil, m.failed(err, "plan", tenancy.Tenant{})
	}
	split := m.split(r.tenants())
	pictures, err := m.look(ctx, known, split)
	if err != nil {
		return nil, m.failed(err, "plan", tenancy.Tenant{})
	}
	plan := &Plan{}
	for _, of := range m.tiers {
		for _, g := range of.groups(split[of], pictures[of]) {
			if err := of.plan(ctx, &g, pictures[of]); err != nil {
				return nil, m.failed(err, "plan", g.Tenants[0])
			}
			plan.Groups = append(plan.Groups, g)
		}
	}
	return plan, nil
}

// groups sorts a tier's tenants by their structures, in the order in which they came.
func (m *tier) groups(tenants []tenancy.Tenant, p *picture) []Group {
	var groups []Group
	at := map[string]int{}
	for _, t := range tenants {
		g := Group{Tier: m.name}
		key := ""
		switch {
		case p != nil && p.found[p.key(t)].Err != nil:
			g.Note = "its structures cannot be looked at now: " + p.found[p.key(t)].Err.Error()
			key = "tenant " + t.ID
		case p != nil:
			g.Fingerprint = p.fingerprint(t)
			key = g.Fingerprint
		case m.apart(t):
			g.Note = "its tenants are migrated one by one, since their structures are not compared"
		default:
			g.Shared = true
			key = m.provider.Group(t)
		}
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, g)
		}
		groups[i].Tenants = append(groups[i].Tenants, t)
	}
	return groups
}

// fingerprint is what a tenant has now.
func (p *picture) fingerprint(t tenancy.Tenant) string {
	if p.untouched(t) {
		return p.entries[p.key(t)].Fingerprint
	}
	return p.found[p.key(t)].Fingerprint
}

// plan finds out what Up would send to the first tenant of a group.
func (m *tier) plan(ctx context.Context, g *Group, p *picture) (err error) {
	switch {
	case g.Note != "":
		return nil
	case g.Shared:
		g.Statements, err = m.lacking(ctx, g.Tenants[0])
		return err
	case p.current[g.Fingerprint]:
		return nil
	}
	only, err := p.outdated(g.Tenants[0])
	if err != nil {
		return err
	}
	script, err := m.fleet.Apply(ctx, g.Tenants[0], tenancy.Change{Dry: true, Only: only})
	g.Statements = script.Statements
	return err
}

// Write writes the plan down: each group, and its statements.
func (p *Plan) Write(w io.Writer) error {
	for _, g := range p.Groups {
		of := ""
		if g.Tier != "" {
			of = fmt.Sprintf(" of %q", g.Tier)
		}
		if _, err := fmt.Fprintf(w, "-- %d tenants%s %s: %s\n", len(g.Tenants), of, g.what(), some(g.Tenants)); err != nil {
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

// what says in a few words what is to be done.
func (g *Group) what() string {
	switch {
	case g.Note != "":
		return "not planned, as " + g.Note
	case g.Fingerprint == "" && !g.Shared:
		return "to be created"
	case len(g.Statements) > 0:
		return "to be changed"
	default:
		return "up to date"
	}
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
