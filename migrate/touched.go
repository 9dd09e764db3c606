package migrate

import (
	"context"
	"regexp"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// surveyor is a fleet that looks at a few tables of many tenants for less than Survey takes.
type surveyor interface {
	SurveyTables(ctx context.Context, tenants []tenancy.Tenant, tables []string) (map[string]tenancy.Structure, error)
}

// touched is the tables that a script changes, and what the canary's were when it was done.
// Whoever was like the canary before, and is like it in these tables after, is like it.
type touched struct {
	fleet       surveyor // nil: it takes more than a look at a few tables
	tables      []string
	fingerprint string
}

// left looks at a canary when it is done, at all of it and at what a script has changed.
func (m *tier) left(ctx context.Context, script tenancy.Script, canary tenancy.Tenant) (after string, changed touched, err error) {
	looks, ctx := errgroup.WithContext(ctx)
	looks.Go(func() (err error) {
		after, err = m.fingerprint(ctx, canary)
		return err
	})
	looks.Go(func() (err error) {
		changed, err = m.touchedBy(ctx, script, canary)
		return err
	})
	err = looks.Wait()
	return after, changed, err
}

// touchedBy looks at what a script has changed of the canary. Tables that are not the
// canary's own tell nothing.
func (m *tier) touchedBy(ctx context.Context, script tenancy.Script, canary tenancy.Tenant) (touched, error) {
	fleet, able := m.fleet.(surveyor)
	tables := changedTables(script.Statements)
	if !able || script.New || len(tables) == 0 {
		return touched{}, nil
	}
	found, err := fleet.SurveyTables(ctx, []tenancy.Tenant{canary}, tables)
	fingerprint := found[m.provider.Group(canary)].Fingerprint
	if err != nil || fingerprint == "" {
		return touched{}, err
	}
	return touched{fleet, tables, fingerprint}, nil
}

// lookAtTouched looks at what was replayed, and lists who is not like the canary.
func (u *upgrade) lookAtTouched(ctx context.Context, b *batch, tenants []tenancy.Tenant) (unlike []tenancy.Tenant, err error) {
	var found map[string]tenancy.Structure
	err = u.m.retried(ctx, func() (err error) {
		found, err = b.touched.fleet.SurveyTables(ctx, tenants, b.touched.tables)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		structure := found[u.m.provider.Group(t)]
		if structure.Fingerprint != b.touched.fingerprint {
			unlike = append(unlike, t)
			continue
		}
		structure.Fingerprint = b.after
		u.note(t, structure)
	}
	return unlike, nil
}

// changedTables lists the tables that statements change. None: that is not all, or unknown.
func changedTables(statements []string) []string {
	var tables []string
	for _, statement := range statements {
		found := changesTable.FindStringSubmatch(statement)
		if found == nil || changesMore.MatchString(statement) {
			return nil
		}
		if table := ddl.Identifier(found[1], found[2]); !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	return tables
}

var (
	changesTable = regexp.MustCompile(`(?is)^\s*(?:ALTER\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:"(?:[^"]|"")+"|\w+)\s+ON)\s+(?:"((?:[^"]|"")+)"|(\w+))[\s(]`)

	// What a statement may do besides: make sequences, change other tables, or be several.
	changesMore = regexp.MustCompile(`(?i);|\b(serial|smallserial|bigserial|generated|references|rename|inherit|partition|set\s+schema)\b`)
)
