package strategies

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/names"
	"github.com/gormtenancy/tenancy/internal/pools"
)

// files keeps each tenant in a SQLite file of its own. All work on files goes
// through root, which lets nothing leave its directory.
type files struct {
	in    *tenancy.Installation
	cfg   Database
	dir   string
	root  *os.Root
	pools *pools.Cache[opened]
	dying sync.Map // names of files that are being removed
	made  sync.Map // names of drafts that are being made

	removals singleflight.Group
}

const (
	directoryMode = 0o700
	fileMode      = 0o600
)

func newFiles(in *tenancy.Installation, cfg Database) (*files, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fileError("", err)
	}
	if err := os.MkdirAll(dir, directoryMode); err != nil {
		return nil, fileError("", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fileError("", err)
	}
	return &files{in: in, cfg: cfg, dir: dir, root: root, pools: cfg.cache()}, nil
}

func fileError(id string, cause error) error {
	return &tenancy.Error{Kind: tenancy.ErrConfig, Tenant: id, Detail: "the directory for the tenants' files cannot be used", Cause: cause}
}

// fileOf is the name of a tenant's file.
func fileOf(t tenancy.Tenant) (string, error) {
	switch {
	case t.DSN != "":
		return "", &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Detail: "DSN is set, but a tenant's file is found by its name in Dir; leave DSN empty"}
	case t.Schema != "":
		if err := names.Override(t.Schema, maxFileName); err != nil {
			return "", &tenancy.Error{Kind: tenancy.ErrInvalidTenant, Tenant: t.ID, Cause: err}
		}
		return t.Schema + ".db", nil
	}
	base, err := baseOf(t)
	if err != nil {
		return "", err
	}
	return names.Container(base) + ".db", nil
}

// maxFileName leaves room for what SQLite puts behind a file's name.
const maxFileName = 200

// filePool lends the pool of one tenant's file.
type filePool struct {
	files *files
	name  string
	id    string
}

// Acquire implements [tenancy.Pool].
func (p filePool) Acquire(ctx context.Context) (gorm.ConnPool, func(), error) {
	lent, release, err := p.lease(ctx)
	return lent.pool, release, err
}

// Place says where the file is: pools of one place lead to one database.
func (p filePool) Place() string {
	dir := p.files.dir
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	return filepath.Join(dir, p.name)
}

// lease lends the pool of the file that is there now. One of a file that another process
// has removed, or put a new one in the place of, would go on with what nobody else sees.
func (p filePool) lease(ctx context.Context) (opened, func(), error) {
	for {
		lent, release, err := p.files.pools.Acquire(ctx, p.name, p.open)
		if errors.Is(err, pools.ErrClosed) {
			err = closedError(p.id)
		}
		if err != nil {
			return opened{}, release, err
		}
		current, err := p.current(lent) //nolint:contextcheck // it waits for nobody
		switch {
		case err == nil && current && lent.owner == p.id:
			return lent, release, nil
		case err == nil && current:
			err = p.foreign()
		}
		release()
		if err == nil {
			err = p.files.pools.Evict(ctx, p.name)
		}
		if err != nil {
			return opened{}, func() {}, err
		}
	}
}

// current reports whether a pool is one of the file that bears its name. That there is no such
// file is an error, and lets go of the pool without waiting for others that use it.
func (p filePool) current(lent opened) (bool, error) {
	file, err := p.files.stat(p)
	if err != nil || file != nil {
		return err == nil && os.SameFile(file, lent.file), err
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.files.pools.Evict(ended, p.name) // it closes when its last user is done
	return false, missing(tenancy.Tenant{ID: p.id}, nil)
}

// foreign makes the error for a file that belongs to another tenant.
func (p filePool) foreign() error {
	return &tenancy.Error{Kind: tenancy.ErrTenantMismatch, Tenant: p.id, Detail: fmt.Sprintf("the file %s is another tenant's; give each tenant a name of its own, and put the right file in its place", p.name)}
}

func (p filePool) open(ctx context.Context) (opened, error) {
	file, err := p.files.stat(p)
	if _, dying := p.files.dying.Load(p.name); dying || file == nil {
		return opened{}, missing(tenancy.Tenant{ID: p.id}, err)
	}
	pool, err := p.connect(ctx)
	if err != nil {
		return opened{}, err
	}
	held, err := claimed(ctx, p.files.in, pool.db, p.name, p.id)
	if err == nil && !held {
		err = p.foreign()
	}
	if err != nil {
		return opened{}, joined(err, pool.Close())
	}
	pool.owner, pool.file = p.id, file
	return pool, nil
}

// connect opens a file. The first to do so turns on its write-ahead log, for which SQLite
// lets nobody else in and waits for nobody, so this waits.
func (p filePool) connect(ctx context.Context) (opened, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		pool, err := p.files.cfg.open(p.files.in, p.files.dsn(p.name, "rw", "WAL"))
		if err == nil || !ddl.Busy(err) {
			return pool, err
		}
		select {
		case <-ctx.Done():
			return opened{}, err
		case <-time.After(pause):
		}
	}
}

// dsn makes the address of a file. Both the common drivers' ways to say a setting are
// in it; each ignores the other's. A transaction takes the write lock when it begins:
// one that read first and then wrote would fail whenever another wrote between.
func (f *files) dsn(name, mode, journal string) string {
	settings := url.Values{
		"mode":          {mode},
		"_txlock":       {"immediate"},
		"_foreign_keys": {"on"},
		"_journal_mode": {journal},
		"_busy_timeout": {"10000"},
		"_pragma":       {"foreign_keys(1)", "busy_timeout(10000)", "journal_mode(" + journal + ")"},
	}
	path := url.URL{Path: filepath.ToSlash(filepath.Join(f.dir, name))}
	return "file:" + path.EscapedPath() + "?" + settings.Encode()
}

// exists asks for a tenant's file. Only its absence is no error.
func (f *files) exists(pool filePool) (bool, error) {
	info, err := f.stat(pool)
	return info != nil, err
}

// stat returns what is known of a tenant's file, or nil where there is none.
func (f *files) stat(pool filePool) (fs.FileInfo, error) {
	info, err := f.root.Stat(pool.name)
	switch {
	case err == nil:
		return info, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // there is none
	case errors.Is(err, os.ErrClosed):
		return nil, closedError(pool.id)
	default:
		return nil, fileError(pool.id, err)
	}
}

func closedError(id string) error {
	return &tenancy.Error{Kind: tenancy.ErrClosed, Tenant: id, Detail: "the plugin was closed; open a new handle"}
}

func (f *files) Bind(t tenancy.Tenant) (tenancy.Binding, error) {
	pool, err := f.pool(t)
	return bindingOf(pool), err
}

func (f *files) pool(t tenancy.Tenant) (filePool, error) {
	name, err := fileOf(t)
	return filePool{files: f, name: name, id: t.ID}, err
}

func bindingOf(pool filePool) tenancy.Binding {
	return tenancy.Binding{Pool: pool, Filter: tenancy.FilterNone}
}

func (f *files) Group(t tenancy.Tenant) string {
	name, err := fileOf(t)
	if err != nil {
		return "invalid " + t.ID
	}
	return name
}

// Provision makes a new file beside its place and links it there when it is whole, so
// that nobody ever sees half a database, and of several that try at once one wins.
func (f *files) Provision(ctx context.Context, t tenancy.Tenant) error {
	pool, err := f.pool(t)
	if err != nil {
		return err
	}
	there, err := f.exists(pool)
	if err != nil {
		return err
	}
	migrated := func(ctx context.Context, tx gorm.ConnPool) error {
		return f.in.Migrate(ctx, tx, bindingOf(pool), f.in.Models())
	}
	if !there {
		if _, err := f.create(ctx, pool, migrated); err != nil {
			return err
		}
	}
	lent, release, err := pool.lease(ctx)
	if err != nil {
		return err
	}
	defer release()
	return ddl.Exclusive(ctx, lent.db, f.in.Dialect(), pool.name, func(tx gorm.ConnPool) error { return migrated(ctx, tx) })
}

// create makes a new file and gives it its structures. It reports whether the file is the one
// that is there now: somebody else may have been faster.
func (f *files) create(ctx context.Context, pool filePool, fill filling) (won bool, err error) {
	draft := pool.name + drafts + rand.Text()
	f.made.Store(draft, true)
	defer f.made.Delete(draft)
	empty, err := f.root.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if err != nil {
		return false, fileError(pool.id, err)
	}
	defer func() { err = joined(err, f.remove(draft)) }()
	if err := empty.Close(); err != nil {
		return false, fileError(pool.id, err)
	}
	if err := f.fill(ctx, draft, pool, fill); err != nil {
		return false, err
	}
	if err := f.root.Link(draft, pool.name); err != nil {
		switch {
		case errors.Is(err, fs.ErrExist):
			return false, nil
		case errors.Is(err, fs.ErrNotExist):
			return false, &tenancy.Error{Kind: tenancy.ErrNotProvisioned, Tenant: pool.id, Detail: "the tenant was destroyed while it was provisioned; run migrate.Provision again", Cause: err}
		}
		return false, fileError(pool.id, err)
	}
	return true, nil
}

// filling gives a database its structures.
type filling func(ctx context.Context, tx gorm.ConnPool) error

func (f *files) fill(ctx context.Context, draft string, pool filePool, fill filling) error {
	file, err := f.cfg.open(f.in, f.dsn(draft, "rw", "DELETE"))
	if err != nil {
		return err
	}
	err = ddl.Exclusive(ctx, file.db, f.in.Dialect(), draft, func(tx gorm.ConnPool) error {
		if err := claim(ctx, f.in, tx, pool.name, pool.id); err != nil {
			return err
		}
		return fill(ctx, tx)
	})
	return joined(err, file.Close())
}

// remove removes a file and what SQLite puts beside it, and makes sure of it. A log
// that outlived its database would be read into the next one of that name.
func (f *files) remove(name string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} {
		if err := f.root.Remove(name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *files) Destroy(ctx context.Context, t tenancy.Tenant) error {
	pool, err := f.pool(t)
	if err != nil {
		return err
	}
	// Keyed by the ID as well: what holds for the file's tenant does not for another.
	_, err, _ = f.removals.Do(pool.id+"\x00"+pool.name, func() (any, error) {
		there, err := f.exists(pool)
		if err == nil && there {
			err = f.destroy(ctx, pool)
		}
		if err == nil {
			err = f.sweep(pool)
		}
		return nil, err
	})
	return err
}

// sweep removes the drafts of a tenant's file that this process is not making. A process
// that was killed leaves such, and between Link and the end of create one is the tenant's own
// file by another name.
func (f *files) sweep(pool filePool) error {
	drafts, err := fs.Glob(f.root.FS(), pool.name+drafts+"*")
	for _, draft := range drafts {
		name := strings.TrimSuffix(draft, "-journal") // what SQLite puts beside it goes with it
		if _, making := f.made.Load(name); !making {
			err = joined(err, f.remove(draft))
		}
	}
	if err != nil {
		return fileError(pool.id, err)
	}
	return nil
}

// drafts stands between a file's name and what is different for each draft of it.
const drafts = ".new-"

// destroy removes a file that was there a moment ago.
func (f *files) destroy(ctx context.Context, pool filePool) error {
	_, release, err := pool.lease(ctx) // opening it asks whose it is
	if err != nil {
		if there, statErr := f.exists(pool); statErr == nil && !there {
			return nil // somebody else was faster
		}
		return err
	}
	release()
	f.dying.Store(pool.name, true)
	defer f.dying.Delete(pool.name)
	if err := f.pools.Evict(ctx, pool.name); err != nil {
		return err
	}
	return f.remove(pool.name)
}

func (f *files) Verify(ctx context.Context, t tenancy.Tenant) error {
	pool, err := f.pool(t)
	if err != nil {
		return err
	}
	lent, release, err := pool.lease(ctx)
	if err != nil {
		return err
	}
	defer release()
	differences, err := pending(ctx, f.in, lent.db, bindingOf(pool))
	if err != nil {
		return err
	}
	info, err := f.root.Stat(pool.name)
	if err != nil {
		return fileError(t.ID, err)
	}
	if info.Mode().Perm()&^fileMode != 0 {
		differences = append(differences, fmt.Sprintf("the file's permissions are %v; others than its owner can use it", info.Mode().Perm()))
	}
	return drifted(t, differences)
}

// joined keeps err as it is where nothing else went wrong.
func joined(err, other error) error {
	if other == nil {
		return err
	}
	return errors.Join(err, other)
}

func (f *files) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return errors.Join(f.pools.Close(ctx), f.root.Close())
}
