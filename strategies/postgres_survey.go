package strategies

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// Survey implements [tenancy.Fleet]: one query of the catalog for all tenants, or a few where
// they are many.
func (s *schemas) Survey(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Structure, error) {
	return s.SurveyTables(ctx, tenants, nil)
}

// SurveyTables is Survey of a few tables, by their names. nil: of all that there is.
func (s *schemas) SurveyTables(ctx context.Context, tenants []tenancy.Tenant, tables []string) (map[string]tenancy.Structure, error) {
	found := make(map[string]tenancy.Structure, len(tenants))
	var mu sync.Mutex
	err := s.surveying(ctx, tenants, func(ctx context.Context, tx gorm.ConnPool, wanted []string) error {
		owners, err := s.owners(ctx, tx, wanted)
		if err != nil {
			return err
		}
		args := []any{textArray(wanted)}
		if tables != nil {
			args = append(args, textArray(tables))
		}
		rows, err := tx.QueryContext(ctx, surveyQuery(relationsOf(len(wanted), tables), fingerprints, `
			SELECT schema, count(*) || '.' || sum(hashtextextended(object || E'\n' || definition, 0)) || '.' || sum(hashtextextended(object || E'\n' || definition, 1))
			FROM objects GROUP BY schema`), args...)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for name, owner := range owners {
			found[name] = tenancy.Structure{Owner: owner}
		}
		return eachRow(rows, func(cells ...string) {
			found[cells[0]] = tenancy.Structure{Owner: owners[cells[0]], Fingerprint: cells[1]}
		})
	})
	return found, err
}

// Objects implements [tenancy.Fleet].
func (s *schemas) Objects(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Objects, error) {
	found := make(map[string]tenancy.Objects, len(tenants))
	var mu sync.Mutex
	err := s.surveying(ctx, tenants, func(ctx context.Context, tx gorm.ConnPool, wanted []string) error {
		rows, err := tx.QueryContext(ctx, surveyQuery(relationsOf(len(wanted), nil), descriptions, `SELECT schema, object, definition FROM objects`), textArray(wanted))
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		return eachRow(rows, func(cells ...string) {
			if found[cells[0]] == nil {
				found[cells[0]] = tenancy.Objects{}
			}
			found[cells[0]][cells[1]] = cells[2]
		})
	})
	return found, err
}

// named lists the schemas of the tenants that have a valid one.
func (s *schemas) named(tenants []tenancy.Tenant) []string {
	var wanted []string
	for _, t := range tenants {
		if name, err := s.schemaOf(t); err == nil {
			wanted = append(wanted, name)
		}
	}
	return wanted
}

// surveying runs fn for the schemas of the tenants, in parts: each in a transaction in which
// the server names every object in full, has memory for a large catalog, does not sort it, and
// takes it for what is in memory: a part of the schemas is found by index.
func (s *schemas) surveying(ctx context.Context, tenants []tenancy.Tenant, fn func(ctx context.Context, tx gorm.ConnPool, wanted []string) error) error {
	base, err := s.in.Base()
	if err != nil {
		return err
	}
	readers, ctx := errgroup.WithContext(ctx)
	for wanted := range slices.Chunk(s.named(tenants), partOf(len(tenants))) {
		readers.Go(func() error {
			tx, err := base.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if err := tenancy.Settle(ctx, tx, tenancy.Binding{Settings: surveyingSettings}); err != nil {
				return err
			}
			return fn(ctx, tx, wanted)
		})
	}
	return readers.Wait()
}

// The server answers a query with one processor, and reads all of pg_class for it, whatever the
// part of the schemas that is asked about.
const (
	mostParts = 4
	partful   = 100
)

// partOf is how many of n schemas are looked at by one query.
func partOf(n int) int {
	parts := min(mostParts, n/partful+1)
	return n/parts + 1
}

var surveyingSettings = []tenancy.Setting{
	{Name: "search_path", Value: "pg_catalog"},
	{Name: "work_mem", Value: "64MB"},
	{Name: "jit", Value: "off"},
	{Name: "enable_sort", Value: "off"},
	{Name: "random_page_cost", Value: "1.1"},
}

// owners asks the registry whose the schemas are.
func (s *schemas) owners(ctx context.Context, tx gorm.ConnPool, wanted []string) (map[string]string, error) {
	registry := s.registry()
	there, err := scalar[bool](ctx, tx, "SELECT to_regclass($1) IS NOT NULL", registry)
	if err != nil || !there {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, "SELECT name, tenant_id FROM "+registry+" WHERE name = ANY ($1::text[])", textArray(wanted))
	if err != nil {
		return nil, err
	}
	owners := map[string]string{}
	return owners, eachRow(rows, func(cells ...string) { owners[cells[0]] = cells[1] })
}

// registry is the name of the registry's table, as SQL says it anywhere.
func (s *schemas) registry() string {
	return quoteIdent(s.cfg.sharedSchema()) + "." + quoteIdent(registration{}.TableName())
}

// textArray writes names as an array of PostgreSQL, for an argument that any driver can send.
func textArray(names []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = `"` + escape.Replace(name) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// eachRow reads rows of texts to their end.
func eachRow(rows *sql.Rows, fn func(cells ...string)) error {
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	cells, targets := make([]string, len(columns)), make([]any, len(columns))
	for i := range cells {
		targets[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		fn(cells...)
	}
	return rows.Err()
}
