package strategies

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
)

// Survey implements [tenancy.Fleet]: one query for each file, of several at a time.
func (f *files) Survey(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Structure, error) {
	found := make(map[string]tenancy.Structure, len(tenants))
	err := f.eachFile(ctx, tenants, func(name string, t tenancy.Tenant, objects tenancy.Objects, err error) {
		switch {
		case errors.Is(err, tenancy.ErrNotProvisioned):
			found[name] = tenancy.Structure{}
		case err != nil:
			found[name] = tenancy.Structure{Err: err}
		default:
			found[name] = tenancy.Structure{Owner: t.ID, Fingerprint: fingerprint(objects)}
		}
	})
	return found, err
}

// Objects implements [tenancy.Fleet].
func (f *files) Objects(ctx context.Context, tenants []tenancy.Tenant) (map[string]tenancy.Objects, error) {
	found := make(map[string]tenancy.Objects, len(tenants))
	err := f.eachFile(ctx, tenants, func(name string, _ tenancy.Tenant, objects tenancy.Objects, _ error) { found[name] = objects })
	return found, err
}

// eachFile reads the objects of files, and tells them one by one. What is wrong with one
// file is that file's error.
func (f *files) eachFile(ctx context.Context, tenants []tenancy.Tenant, tell func(name string, t tenancy.Tenant, objects tenancy.Objects, err error)) error {
	var mu sync.Mutex
	var readers errgroup.Group
	readers.SetLimit(runtime.GOMAXPROCS(0))
	for _, t := range tenants {
		pool, err := f.pool(t)
		if err != nil {
			continue
		}
		readers.Go(func() error {
			objects, err := f.objects(ctx, pool)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			tell(pool.name, t, objects, err)
			return nil
		})
	}
	return readers.Wait()
}

func (f *files) objects(ctx context.Context, pool filePool) (tenancy.Objects, error) {
	lent, release, err := pool.lease(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	parts, err := sqliteParts(ctx, lent.db)
	if err != nil {
		return nil, err
	}
	objects := make(tenancy.Objects, len(parts))
	for _, part := range parts {
		if part.owner != (registration{}).TableName() {
			objects[part.object] = part.definition
		}
	}
	info, err := f.root.Stat(pool.name)
	if err != nil {
		return nil, fileError(pool.id, err)
	}
	if info.Mode().Perm()&^fileMode != 0 {
		objects["file"] = fmt.Sprintf("permissions %v", info.Mode().Perm())
	}
	return objects, nil
}

// Apply implements [tenancy.Fleet]. The base database is another than the tenant's.
func (f *files) Apply(ctx context.Context, t tenancy.Tenant, c tenancy.Change) (script tenancy.Script, err error) {
	pool, err := f.pool(t)
	if err != nil {
		return script, err
	}
	there, err := f.exists(pool)
	if err != nil {
		return script, err
	}
	if c.Dry {
		return f.dry(ctx, pool, there, c)
	}
	base, err := f.in.Base()
	if err != nil {
		return script, err
	}
	if !there {
		var won bool
		won, err = f.create(ctx, pool, func(ctx context.Context, tx gorm.ConnPool) error {
			script, err = f.change(ctx, tx, pool, c, true)
			return err
		})
		if err != nil {
			return script, err
		}
		if won {
			return script, ended(ctx, base, c)
		}
	}
	return f.alter(ctx, pool, base, c)
}

// alter changes a file that is there.
func (f *files) alter(ctx context.Context, pool filePool, base gorm.ConnPool, c tenancy.Change) (script tenancy.Script, err error) {
	lent, release, err := pool.lease(ctx)
	if err != nil {
		return script, err
	}
	defer release()
	err = ddl.Exclusive(ddl.Patient(ctx, c.LockTimeout), lent.db, f.in.Dialect(), pool.name, func(tx gorm.ConnPool) error {
		if done, err := begun(ctx, base, c); done || err != nil {
			return err
		}
		if script, err = f.change(ctx, tx, pool, c, false); err != nil {
			return err
		}
		return ended(ctx, base, c)
	})
	return script, err
}

func (f *files) change(ctx context.Context, tx gorm.ConnPool, pool filePool, c tenancy.Change, empty bool) (tenancy.Script, error) {
	if c.Script != nil && (empty || !c.Script.New) {
		return *c.Script, runScript(ctx, tx, c.Script.Statements)
	}
	tee := &ddl.Tee{ConnPool: tx}
	if err := f.in.Migrate(ctx, tee, bindingOf(pool), modelsOf(f.in, c, !empty)); err != nil {
		return tenancy.Script{}, err
	}
	return tenancy.Script{Statements: tee.Statements, New: empty, Doubt: tee.Doubt}, nil
}

// dry asks what AutoMigrate would do. For a tenant without a file it asks an empty one,
// which is gone afterwards.
func (f *files) dry(ctx context.Context, pool filePool, there bool, c tenancy.Change) (script tenancy.Script, err error) {
	script.New = !there
	if there {
		lent, release, err := pool.lease(ctx)
		if err != nil {
			return script, err
		}
		defer release()
		script.Statements, err = f.in.Pending(ctx, lent.db, bindingOf(pool), modelsOf(f.in, c, there))
		return script, err
	}
	_, err = f.create(ctx, pool, func(ctx context.Context, tx gorm.ConnPool) error {
		if script.Statements, err = f.in.Pending(ctx, tx, bindingOf(pool), modelsOf(f.in, c, there)); err != nil {
			return err
		}
		return errDry
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return script, err
}

// errDry ends the making of a file that is not wanted.
var errDry = errors.New("a dry run")
