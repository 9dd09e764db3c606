package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/example/sqlc/model"
	"github.com/gormtenancy/tenancy/example/sqlc/notes"
	"github.com/gormtenancy/tenancy/migrate"
)

// chapter is the story of one strategy.
type chapter struct {
	title    string
	promise  string
	strategy tenancy.Strategy

	db *gorm.DB
	// queries serve all tenants. They are made once, and may be used by any goroutine.
	queries *notes.Queries
}

var (
	acme   = tenancy.Tenant{ID: "acme"}
	globex = tenancy.Tenant{ID: "globex"}
	pair   = []tenancy.Tenant{acme, globex}

	reminder = time.Date(2030, time.May, 4, 9, 30, 0, 0, time.UTC)
)

// tell tells the chapter, and fails at the first thing that is not as it should be.
func (c *chapter) tell(ctx context.Context, dsn string) (err error) {
	fmt.Printf("\n%s\n%s\n%s\n", c.title, strings.Repeat("=", len(c.title)), c.promise)
	if err := c.open(dsn); err != nil {
		return err
	}
	defer func() {
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
	}()
	for _, part := range []struct {
		name string
		tell func(context.Context) error
	}{
		{"Two tenants with the same keys", c.sameKeys},
		{"What each of them reads and changes", c.each},
		{"sqlc in a transaction that GORM began", c.sqlcInGORM},
		{"GORM in a transaction begun for sqlc", c.gormInSQLC},
		{"Another tenant's context in a transaction", c.mismatch},
		{"No tenant in the context", c.noTenant},
	} {
		fmt.Printf("\n  %s\n", part.name)
		if err := part.tell(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// open opens the database with the plugin on it.
func (c *chapter) open(dsn string) error {
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	c.db = db
	if err := db.Use(tenancy.Plugin(tenancy.Config{Strategy: c.strategy, Models: model.Owned()})); err != nil {
		return errors.Join(err, closeBase(db))
	}
	c.queries = notes.New(tenancy.DBTX(db))
	return nil
}

func (c *chapter) close() error { return errors.Join(tenancy.Close(c.db), closeBase(c.db)) }

func closeBase(db *gorm.DB) error {
	base, err := db.DB()
	if err != nil {
		return err
	}
	return base.Close()
}

// sameKeys gives each tenant a notebook 1 and a note 1.
func (c *chapter) sameKeys(ctx context.Context) error {
	m, err := migrate.New(c.db)
	if err != nil {
		return err
	}
	for _, t := range pair {
		if err := m.Provision(ctx, t); err != nil {
			return err
		}
	}
	for _, t := range pair {
		ctx := tenancy.WithTenant(ctx, t)
		err := c.queries.AddNotebook(ctx, notes.AddNotebookParams{TenantID: t.ID, ID: 1, Title: "the plans of " + t.ID})
		if err != nil {
			return err
		}
		note, err := c.queries.AddNote(ctx, notes.AddNoteParams{
			TenantID: t.ID, ID: 1, NotebookID: 1, Body: "call " + t.ID + "'s bank",
			RemindAt: sql.NullTime{Time: reminder, Valid: true},
		})
		if err != nil {
			return err
		}
		table, err := tenancy.Table(c.db.WithContext(ctx), &model.Note{})
		if err != nil {
			return err
		}
		say("%-7s has the note 1, %q, in the table %s", t.ID, note.Body, table)
	}
	return nil
}

// each reads and changes both tenants' note 1. A query that saw, or changed, two notes
// would show.
func (c *chapter) each(ctx context.Context) error {
	for _, t := range pair {
		ctx := tenancy.WithTenant(ctx, t)
		note, err := c.queries.GetNote(ctx, 1)
		if err != nil {
			return err
		}
		if note.TenantID != t.ID || note.Body != "call "+t.ID+"'s bank" || !note.RemindAt.Time.Equal(reminder) {
			return fmt.Errorf("%s reads %+v", t.ID, note)
		}
		if err := c.holds(ctx, c.queries, "call "+t.ID+"'s bank"); err != nil {
			return err
		}
		say("%-7s reads %q, in %q", t.ID, note.Body, "the plans of "+t.ID)
		n, err := c.queries.RewriteNote(ctx, notes.RewriteNoteParams{ID: 1, Body: "pay " + t.ID + "'s rent"})
		if err != nil || n != 1 {
			return fmt.Errorf("%s changed %d notes: %w", t.ID, n, err)
		}
		say("        and changes it; notes changed: %d", n)
	}
	return c.whole(ctx)
}

// whole makes sure that each tenant has its note 1 and nothing else, for sqlc and for
// GORM.
func (c *chapter) whole(ctx context.Context) error {
	for _, t := range pair {
		ctx := tenancy.WithTenant(ctx, t)
		if err := c.holds(ctx, c.queries, "pay "+t.ID+"'s rent"); err != nil {
			return err
		}
		var found []model.Note
		if err := c.db.WithContext(ctx).Preload("Notebook").Find(&found).Error; err != nil {
			return err
		}
		if len(found) != 1 || found[0].Body != "pay "+t.ID+"'s rent" || found[0].Notebook.Title != "the plans of "+t.ID {
			return fmt.Errorf("GORM reads for %s %+v", t.ID, found)
		}
		say("%-7s has %q alone, as sqlc and GORM agree", t.ID, found[0].Body)
	}
	return nil
}

// holds makes sure that q sees exactly the notes with these texts, in the notebook of the
// tenant in ctx.
func (c *chapter) holds(ctx context.Context, q *notes.Queries, bodies ...string) error {
	t, _ := tenancy.FromContext(ctx)
	list, err := q.ListNotes(ctx)
	if err != nil {
		return err
	}
	n, err := q.CountNotes(ctx)
	if err != nil {
		return err
	}
	if len(list) != len(bodies) || n != int64(len(bodies)) {
		return fmt.Errorf("%s has %d notes, %+v, and not %q", t.ID, n, list, bodies)
	}
	for i, body := range bodies {
		if list[i].Body != body || list[i].Notebook != "the plans of "+t.ID {
			return fmt.Errorf("%s reads %+v, and not %q", t.ID, list[i], body)
		}
	}
	return nil
}

// sqlcInGORM writes a note by GORM and one by sqlc. The generated method WithTx takes no
// transaction but a *sql.Tx; notes.New takes any.
func (c *chapter) sqlcInGORM(ctx context.Context) error {
	for _, t := range pair {
		ctx := tenancy.WithTenant(ctx, t)
		tx := c.db.WithContext(ctx).Begin()
		if tx.Error != nil {
			return tx.Error
		}
		err := c.both(ctx, t, tx, notes.New(tenancy.DBTX(tx)))
		if err := errors.Join(err, tx.Rollback().Error); err != nil {
			return err
		}
	}
	return c.whole(ctx)
}

// gormInSQLC does the same in a transaction that was begun for sqlc.
func (c *chapter) gormInSQLC(ctx context.Context) error {
	for _, t := range pair {
		ctx := tenancy.WithTenant(ctx, t)
		tx, err := tenancy.BeginTx(ctx, c.db, nil)
		if err != nil {
			return err
		}
		err = c.both(ctx, t, tenancy.WithTx(ctx, c.db, tx), notes.New(tx))
		if err := errors.Join(err, tx.Rollback()); err != nil {
			return err
		}
	}
	return c.whole(ctx)
}

// both writes by GORM and by sqlc in one transaction, and makes sure that each sees what
// the other wrote, and that nobody outside does.
func (c *chapter) both(ctx context.Context, t tenancy.Tenant, tx *gorm.DB, q *notes.Queries) error {
	if err := tx.Create(&model.Note{ID: 2, NotebookID: 1, Body: "by GORM"}).Error; err != nil {
		return err
	}
	written, err := q.AddNote(ctx, notes.AddNoteParams{TenantID: t.ID, ID: 3, NotebookID: 1, Body: "by sqlc"})
	if err != nil {
		return err
	}
	if err := c.holds(ctx, q, "pay "+t.ID+"'s rent", "by GORM", "by sqlc"); err != nil {
		return err
	}
	var read model.Note
	if err := tx.First(&read, "id = ?", written.ID).Error; err != nil {
		return err
	}
	if read.TenantID != t.ID || read.Body != "by sqlc" {
		return fmt.Errorf("GORM reads %+v", read)
	}
	if err := c.holds(ctx, c.queries, "pay "+t.ID+"'s rent"); err != nil {
		return fmt.Errorf("outside the transaction: %w", err)
	}
	say("%-7s sees 3 notes inside: its own, one by GORM and one by sqlc; 1 outside", t.ID)
	return nil
}

// mismatch uses acme's transaction with globex's context.
func (c *chapter) mismatch(ctx context.Context) error {
	tx := c.db.WithContext(tenancy.WithTenant(ctx, acme)).Begin()
	if tx.Error != nil {
		return tx.Error
	}
	_, err := notes.New(tenancy.DBTX(tx)).GetNote(tenancy.WithTenant(ctx, globex), 1)
	return errors.Join(refused("GetNote for globex", err, tenancy.ErrTenantMismatch), tx.Rollback().Error)
}

// noTenant uses a query of each kind. A transaction can be begun without a tenant, for
// tables that all of them share; sqlc's queries are refused there as well.
func (c *chapter) noTenant(ctx context.Context) error {
	tx, err := tenancy.BeginTx(ctx, c.db, nil)
	if err != nil {
		return err
	}
	_, inside := notes.New(tx).GetNote(ctx, 1)
	_, one := c.queries.GetNote(ctx, 1)
	_, many := c.queries.ListNotes(ctx)
	_, changed := c.queries.RemoveNote(ctx, 1)
	if err := errors.Join(
		refused("GetNote", one, tenancy.ErrNoTenant),
		refused("ListNotes", many, tenancy.ErrNoTenant),
		refused("RemoveNote", changed, tenancy.ErrNoTenant),
		refused("GetNote in a transaction", inside, tenancy.ErrNoTenant),
		tx.Rollback(),
	); err != nil {
		return err
	}
	return c.whole(ctx)
}

// refused makes sure that err is the refusal that was expected, and shows it.
func refused(what string, err, expected error) error {
	if !errors.Is(err, expected) {
		return fmt.Errorf("%s: expected %q, got %v", what, expected, err) //nolint:errorlint // err may be nil
	}
	say("%s is refused: %v", what, err)
	return nil
}

func say(format string, args ...any) { fmt.Printf("    "+format+"\n", args...) }
