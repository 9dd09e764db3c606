package test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// request is one request of a tenant.
type request struct {
	w   *world
	l   *ledger
	rnd *rand.Rand
	ctx context.Context
	db  *gorm.DB
	effect
}

// errDeliberate is what operations panic with, and return, on purpose.
var errDeliberate = errors.New("deliberate")

var operations = []struct {
	name string
	run  func(*request) error
}{
	{"create", (*request).create},
	{"create in batches", (*request).createBatch},
	{"save", (*request).save},
	{"delete", (*request).remove},
	{"find", (*request).find},
	{"first", (*request).first},
	{"preload", (*request).preload},
	{"joins", (*request).joins},
	{"stream", (*request).stream},
	{"row", (*request).row},
	{"count", (*request).count},
	{"find in batches", (*request).findInBatches},
	{"first or create", (*request).firstOrCreate},
	{"raw", (*request).rawSQL},
	{"update by expression", (*request).expression},
	{"read, then write", (*request).readThenWrite},
	{"begin and commit", (*request).manual},
	{"nested", (*request).nested},
	{"failing transaction", (*request).failingTransaction},
	{"panicking transaction", (*request).panickingTransaction},
	{"hooks", (*request).hooks},
	{"connection", (*request).connection},
}

// do runs an operation and makes an error of a panic that was not deliberate.
func (r *request) do(op func(*request) error) (err error) {
	r.made, r.kept = map[int64]string{}, map[int64]string{}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return op(r)
}

// deliberately runs what is to end with errDeliberate, by a panic or an error.
func (r *request) deliberately(fn func() error) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case errDeliberate:
			r.w.panics.Add(1)
			err = nil
		default:
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	err = fn()
	switch err {
	case errDeliberate: // the very same, not one that wraps it
		return nil
	case nil:
		return errors.New("a deliberate failure was swallowed")
	}
	return err
}

// fresh makes a new row of the tenant.
func (r *request) fresh(body string) *folio {
	id := r.l.last.Add(1)
	if body == "" {
		body = fmt.Sprint("body of ", id)
	}
	return &folio{ID: id, Owner: r.l.id, Body: body}
}

// check checks rows that a request has read. Those of a read that failed half way may be
// empty, but nobody else's.
func (r *request) check(what string, err error, rows ...folio) {
	for _, row := range rows {
		r.mine(what, err, row.Owner, row.TenantID)
		for _, s := range row.Sheets {
			r.mine(what, err, s.Owner, s.TenantID)
		}
	}
}

func (r *request) mine(what string, err error, owners ...string) {
	for _, owner := range owners {
		if owner != "" || err == nil {
			r.w.mine(r.l, what, owner)
		}
	}
}

func (r *request) create() error {
	row := r.fresh("")
	row.Sheets = []sheet{{ID: row.ID * 10, Owner: r.l.id}, {ID: row.ID*10 + 1, Owner: r.l.id}}
	r.made[row.ID] = row.Body
	return r.db.Create(row).Error
}

func (r *request) createBatch() error {
	rows := []*folio{r.fresh(""), r.fresh(""), r.fresh("")}
	for _, row := range rows {
		r.made[row.ID] = row.Body
	}
	return r.db.CreateInBatches(rows, 2).Error
}

func (r *request) save() error {
	id, ok := r.l.take()
	if !ok {
		return nil
	}
	r.kept[id] = unsure
	var row folio
	if err := r.db.First(&row, "id = ?", id).Error; err != nil {
		return err
	}
	r.check("save", nil, row)
	row.Body = fmt.Sprint("saved ", r.rnd.Uint32())
	r.made[id] = row.Body
	return r.db.Save(&row).Error
}

func (r *request) remove() error {
	id, ok := r.l.take()
	if !ok {
		return nil
	}
	r.gone = append(r.gone, id)
	return r.db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Where("folio_id = ?", id).Delete(&sheet{}).Error; err != nil {
			return err
		}
		done := tx.Where("id = ?", id).Delete(&folio{})
		if done.Error == nil && done.RowsAffected != 1 {
			return fmt.Errorf("deleting the row %d deleted %d", id, done.RowsAffected)
		}
		return done.Error
	})
}

func (r *request) find() error {
	var rows []folio
	err := r.db.Where("id > ?", r.rnd.IntN(50)).Or("hits >= ?", 0).Limit(50).Find(&rows).Error
	r.check("find", err, rows...)
	return err
}

func (r *request) first() error {
	var row folio
	err := r.db.Where(&folio{ID: counter}).First(&row).Error
	if err == nil {
		r.check("first", err, row)
	}
	return err
}

func (r *request) preload() error {
	var rows []folio
	err := r.db.Preload("Sheets").Preload("Tariff").Order("id").Limit(20).Find(&rows).Error
	r.check("preload", err, rows...)
	if err == nil && (len(rows) == 0 || rows[0].Tariff == nil || rows[0].Tariff.Name != "common") {
		return errors.New("the shared model was not preloaded")
	}
	return err
}

func (r *request) joins() error {
	var sheets []sheet
	err := r.db.Joins("Folio").Limit(20).Find(&sheets).Error
	for _, s := range sheets {
		r.mine("joins", err, s.Owner, s.TenantID)
		if s.Folio != nil {
			r.check("joins", err, *s.Folio)
		} else if err == nil {
			return errors.New("a join without its row")
		}
	}
	return err
}

func (r *request) stream() error {
	rows, err := r.db.Model(&folio{}).Rows()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	most := r.rnd.IntN(100)
	for n := 0; rows.Next() && n < most; n++ {
		var row folio
		if err := r.db.ScanRows(rows, &row); err != nil {
			return err
		}
		r.check("stream", err, row)
	}
	return rows.Err()
}

func (r *request) row() error {
	var owner, tenant string
	err := r.db.Model(&folio{}).Select("owner", "tenant_id").Where("id = ?", counter).Row().Scan(&owner, &tenant)
	if err == nil {
		r.mine("row", err, owner, tenant)
	}
	return err
}

func (r *request) count() error {
	var n int64
	if err := r.db.Model(&folio{}).Where("owner <> ?", r.l.id).Count(&n).Error; err != nil {
		return err
	}
	if n > 0 {
		r.mine("count", nil, fmt.Sprint(n, " others"))
	}
	var owners []string
	err := r.db.Model(&folio{}).Distinct().Pluck("owner", &owners).Error
	r.mine("pluck", err, owners...)
	return err
}

func (r *request) findInBatches() error {
	var rows []folio
	return r.db.Where("id < ?", 40).FindInBatches(&rows, 10, func(*gorm.DB, int) error {
		r.check("find in batches", nil, rows...)
		return nil
	}).Error
}

func (r *request) firstOrCreate() error {
	var row note
	err := r.db.Where(note{Text: "once"}).Attrs(note{Owner: r.l.id}).FirstOrCreate(&row).Error
	if err == nil {
		r.mine("first or create", err, row.Owner, row.TenantID)
	}
	return err
}

func (r *request) rawSQL() error {
	var rows []folio
	err := r.db.Raw("SELECT * FROM folios WHERE id < ? LIMIT 20", 100).Scan(&rows).Error
	r.check("raw", err, rows...)
	if !r.w.raw {
		if errors.Is(err, tenancy.ErrRawSQL) {
			return nil
		}
		return fmt.Errorf("raw SQL was let through: %w", err)
	}
	return err
}

func (r *request) expression() error {
	r.hits = 1
	return r.db.Model(&folio{}).Where("id = ?", counter).Update("hits", gorm.Expr("hits + ?", 1)).Error
}

func (r *request) readThenWrite() error {
	r.hits = 1
	row := r.fresh("")
	r.made[row.ID] = row.Body
	return r.db.Transaction(func(tx *gorm.DB) error { return r.readWrite(tx, row) })
}

// readWrite counts up by reading first: another in between would be lost.
func (r *request) readWrite(tx *gorm.DB, more *folio) error {
	var row folio
	if err := tx.First(&row, "id = ?", counter).Error; err != nil {
		return err
	}
	r.check("read, then write", nil, row)
	if err := tx.Model(&row).Update("hits", row.Hits+1).Error; err != nil {
		return err
	}
	return tx.Create(more).Error
}

func (r *request) manual() error {
	tx := r.db.Begin()
	if tx.Error != nil {
		return tx.Error
	}
	row := r.fresh("")
	if r.rnd.IntN(2) == 0 {
		r.voided = append(r.voided, row.ID)
		err := r.readWrite(tx, row)
		return errors.Join(err, tx.Rollback().Error)
	}
	r.hits = 1
	r.made[row.ID] = row.Body
	if err := r.readWrite(tx, row); err != nil {
		tx.Rollback()
		return err
	}
	return tx.Commit().Error
}

func (r *request) nested() error {
	first, dropped, last := r.fresh(""), r.fresh(""), r.fresh("")
	r.made[first.ID], r.made[last.ID] = first.Body, last.Body
	r.voided = append(r.voided, dropped.ID)
	return r.db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(first).Error; err != nil {
			return err
		}
		err := r.deliberately(func() error {
			return tx.Transaction(func(inner *gorm.DB) error {
				if err := inner.Create(dropped).Error; err != nil {
					return err
				}
				return errDeliberate
			})
		})
		if err != nil {
			return err
		}
		return tx.Transaction(func(inner *gorm.DB) error { return inner.Create(last).Error })
	})
}

func (r *request) failingTransaction() error { return r.brokenTransaction(func() {}) }
func (r *request) panickingTransaction() error {
	return r.brokenTransaction(func() { panic(errDeliberate) })
}

func (r *request) brokenTransaction(end func()) error {
	row := r.fresh("")
	r.voided = append(r.voided, row.ID)
	return r.deliberately(func() error {
		return r.db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(row).Error; err != nil {
				return err
			}
			end()
			return errDeliberate
		})
	})
}

func (r *request) hooks() error {
	body := []string{panicBefore, panicAfter, failAfter, writeAfter}[r.rnd.IntN(4)]
	row := r.fresh(body)
	if body == writeAfter {
		r.made[row.ID] = body
		return r.db.Create(row).Error
	}
	r.voided = append(r.voided, row.ID)
	return r.deliberately(func() error { return r.db.Create(row).Error })
}

func (r *request) connection() error {
	row := r.fresh("")
	r.made[row.ID] = row.Body
	return r.db.Connection(func(tx *gorm.DB) error {
		if err := tx.Create(row).Error; err != nil {
			return err
		}
		var back folio
		if err := tx.First(&back, "id = ?", row.ID).Error; err != nil {
			return err
		}
		r.check("connection", nil, back)
		return nil
	})
}
