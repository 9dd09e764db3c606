package migrate

import (
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
)

// states names, for each owned table, the state of its models.
func (m *Migrator) states() (map[string]string, error) {
	schemas, err := m.in.Ordered()
	if err != nil {
		return nil, err
	}
	of := map[string][]*schema.Schema{}
	for _, s := range schemas {
		of[s.Table] = append(of[s.Table], s)
	}
	states := make(map[string]string, len(of))
	for table, models := range of {
		states[table] = versionOf(m.in, models)
	}
	return states, nil
}

// outdated lists the models that are not what they were in the version that a tenant was
// brought to. nil: all may be, since the tenant is not as it was left then, or too little is
// known of the version.
func (p *picture) outdated(t tenancy.Tenant) ([]any, error) {
	e := p.entries[p.key(t)]
	place := p.lineage.places[e.Version]
	if place == 0 || e.Fingerprint == "" || e.TenantID != t.ID || e.Fingerprint != p.found[p.key(t)].Fingerprint {
		return nil, nil
	}
	states, err := p.m.states()
	if err != nil {
		return nil, err
	}
	tables := map[string]bool{}
	for table, state := range states {
		if was := p.lineage.tables[table]; was.state != state || was.since > place {
			tables[table] = true
		}
	}
	return p.m.modelsOf(tables)
}

// modelsOf lists the models whose tables, or join tables, are named. nil: one of them has
// none that is listed, so GORM makes it of another's relations.
func (m *Migrator) modelsOf(tables map[string]bool) ([]any, error) {
	models, listed := []any{}, map[string]bool{}
	for _, model := range m.in.Models() {
		own, err := m.tablesOf(model)
		if err != nil {
			return nil, err
		}
		own = slices.DeleteFunc(own, func(table string) bool { return !tables[table] })
		if len(own) > 0 {
			models = append(models, model)
		}
		for _, table := range own {
			listed[table] = true
		}
	}
	if len(listed) < len(tables) {
		return nil, nil
	}
	return models, nil
}

// tablesOf lists a model's table and its join tables.
func (m *Migrator) tablesOf(model any) ([]string, error) {
	stmt := &gorm.Statement{DB: m.in.DB()}
	if err := stmt.Parse(model); err != nil {
		return nil, err
	}
	tables := []string{stmt.Schema.Table}
	for _, rel := range stmt.Schema.Relationships.Relations {
		if rel.JoinTable != nil {
			tables = append(tables, rel.JoinTable.Table)
		}
	}
	return tables, nil
}
