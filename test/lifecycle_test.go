package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gormtenancy/tenancy"
)

const crowd = 8

// TestProvisionAtOnce provisions one new tenant from many goroutines: all succeed, and
// there is one set of structures.
func TestProvisionAtOnce(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		want := onceProvisioned(t, k)
		for _, handles := range []int{1, crowd} {
			t.Run(fmt.Sprintf("handles=%d", handles), func(t *testing.T) {
				root := t.TempDir()
				sites := make([]*site, handles)
				for i := range sites {
					sites[i] = openSite(t, k, setup{root: root})
				}
				atOnce(t, crowd, func(i int) error {
					return sites[i%handles].migrate.Provision(t.Context(), tenancy.Tenant{ID: "acme"})
				})
				s := sites[0]
				same(t, "structures", s.structures(t, "acme"), want.structures)
				same(t, "registrations", s.registered(t), want.registered)
				same(t, "files", names(files(t, s.tenants)), want.files)
				must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
				s.fill(t, "acme", 2)
				s.holds(t, "acme", 2)
			})
		}
	})
}

// trace is what a tenant leaves in the world.
type trace struct{ structures, registered, files []string }

// onceProvisioned provisions acme in a world of its own.
func onceProvisioned(t *testing.T, k kind) trace {
	t.Helper()
	s := openSite(t, k, setup{})
	s.provision(t, "acme")
	return s.trace(t, "acme")
}

func (s *site) trace(t testing.TB, id string) trace {
	t.Helper()
	return trace{s.structures(t, id), s.registered(t), names(files(t, s.tenants))}
}

// names is a list of files without their permissions, and without what SQLite puts
// beside a file that is open.
func names(list []string) []string {
	var made []string
	for _, entry := range list {
		name, _, _ := strings.Cut(entry, " ")
		if !strings.HasSuffix(name, "-wal") && !strings.HasSuffix(name, "-shm") {
			made = append(made, name)
		}
	}
	return made
}

// atOnce runs fn in n goroutines at once, and wants them all to succeed.
func atOnce(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	start := make(chan struct{})
	errs := make([]error, n)
	var workers sync.WaitGroup
	for i := range n {
		workers.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("goroutine %d: %v", i, err)
		}
	}
}

// childEnv holds the strategy and the directory for a process that provisions a tenant.
const childEnv = "TENANCY_TEST_PROVISION"

// provisionAsChild is what such a process does.
func provisionAsChild(spec string) (err error) {
	name, root, _ := strings.Cut(spec, "|")
	at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	s, err := newSite(kinds[at], setup{root: root})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	acme := tenancy.Tenant{ID: "acme"}
	if err := s.migrate.Provision(context.Background(), acme); err != nil {
		return err
	}
	return s.migrate.Verify(context.Background(), acme)
}

// TestProvisionProcesses provisions one new tenant from several processes.
func TestProvisionProcesses(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		want := onceProvisioned(t, k)
		root := t.TempDir()
		s := openSite(t, k, setup{root: root})
		atOnce(t, 5, func(int) error {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childEnv+"="+k.name+"|"+root)
			output, err := child.CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, output)
			}
			return nil
		})
		got := s.trace(t, "acme")
		same(t, "structures", got.structures, want.structures)
		same(t, "registrations", got.registered, want.registered)
		same(t, "files", got.files, want.files)
		must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
	})
}

// TestProvisionTwice changes nothing the second time.
func TestProvisionTwice(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		s.provision(t, "acme")
		s.fill(t, "acme", 3)
		before := s.trace(t, "acme")
		s.provision(t, "acme")
		after := s.trace(t, "acme")
		same(t, "structures", after.structures, before.structures)
		same(t, "registrations", after.registered, before.registered)
		same(t, "files", after.files, before.files)
		s.holds(t, "acme", 3)
	})
}

// alike are tenants whose names look like one another's.
var alike = []string{
	"acme", "acme2", "acme_x", "acmex", "a", "t_acme", "t_acme__folios", "tenant_acme", "Acme", "ACME", "acme-x", "acme x", "acme%", "acme_",
	"acm_", "acme.db", "acme/../acme2", "acme'; DROP TABLE notes; --", "ácme", "acme_folios", "acme__notes", "acme_0123456789abcdef",
}

// TestDestroy removes everything of one tenant and nothing of those that look like it.
func TestDestroy(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		ctx := t.Context()
		s.provision(t, "globex")
		empty := s.objects(t)
		ids := alike
		if k.name == "database" { // a file for each takes long, and TestNamesNeverMeet has all
			ids = ids[:12]
		}
		s.provision(t, ids...)
		for _, id := range ids {
			s.fill(t, id, 2)
		}
		for i, id := range ids {
			s.destroy(t, id)
			others := ids[i+1:]
			if i > 2 { // all of them after the first few, then the next
				others = others[:min(1, len(others))]
			}
			for _, other := range others {
				s.holds(t, other, 2)
			}
			if i == 0 {
				must(t, s.migrate.Verify(ctx, tenancy.Tenant{ID: ids[1]}))
			}
		}
		same(t, "what is left", s.objects(t), empty)
		left := slices.DeleteFunc(s.registered(t), func(id string) bool { return id == "globex" })
		same(t, "registrations left", left, nil)
		must(t, s.migrate.Verify(ctx, tenancy.Tenant{ID: "globex"}))
	})
}

// destroy destroys a tenant twice and looks for traces of it.
func (s *site) destroy(t *testing.T, id string) {
	t.Helper()
	gone := tenancy.Tenant{ID: id}
	must(t, s.migrate.Destroy(t.Context(), gone))
	must(t, s.migrate.Destroy(t.Context(), gone))
	if s.kind.name == "shared" {
		for _, table := range []string{"folios", "sheets", "notes", "replies", "marks", "note_marks"} {
			var rows int64
			must(t, s.system().Table(table).Where("tenant_id = ?", id).Count(&rows).Error)
			if rows > 0 {
				t.Errorf("%d rows of %s are left of %s", rows, table, id)
			}
		}
		return
	}
	wantKind(t, s.migrate.Verify(t.Context(), gone), tenancy.ErrNotProvisioned)
	wantKind(t, s.as(id).Find(&[]folio{}).Error, tenancy.ErrNotProvisioned)
}

// TestDestroyLeavesNoFile looks at the directory of the database strategy.
func TestDestroyLeavesNoFile(t *testing.T) {
	t.Parallel()
	s := openSite(t, byDatabase, setup{})
	before := files(t, s.tenants)
	s.provision(t, "acme")
	s.fill(t, "acme", 3)
	if len(files(t, s.tenants)) <= len(before) {
		t.Fatal("the tenant has no file")
	}
	must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
	same(t, "files", files(t, s.tenants), before)
	if held := openFiles(t, s.tenants); len(held) > 0 {
		t.Errorf("still open: %v", held)
	}
}

// TestDestroyThenProvision gives an empty tenant.
func TestDestroyThenProvision(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		s.provision(t, "acme", "globex")
		for range 3 {
			s.fill(t, "acme", 3)
			must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
			s.provision(t, "acme")
			must(t, s.migrate.Verify(t.Context(), tenancy.Tenant{ID: "acme"}))
			s.holds(t, "acme", 0)
		}
	})
}

// TestDestroyUnknown is no error, and touches nothing.
func TestDestroyUnknown(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, k kind) {
		s := openSite(t, k, setup{})
		must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
		s.provision(t, "globex")
		s.fill(t, "globex", 1)
		before := s.trace(t, "globex")
		must(t, s.migrate.Destroy(t.Context(), tenancy.Tenant{ID: "acme"}))
		after := s.trace(t, "globex")
		same(t, "structures", after.structures, before.structures)
		s.holds(t, "globex", 1)
	})
}
