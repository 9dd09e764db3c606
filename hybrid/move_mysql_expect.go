package hybrid

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/internal/ddl"
	"github.com/gormtenancy/tenancy/internal/freeze"
)

// freezing is what the triggers of common tables look at: a row for each tenant that has
// written there.
type freezing struct {
	TenantID string `gorm:"primaryKey;size:255"`
	Frozen   bool   `gorm:"not null;default:false"`
}

// TableName is reserved by the module: no tenant's name begins so.
func (freezing) TableName() string { return freeze.Tenants }

func (s *side) mysqlTenants(ctx context.Context, tx gorm.ConnPool) error {
	db, err := s.in.Plain(ctx, tx)
	if err != nil || db.Migrator().HasTable(&freezing{}) {
		return err
	}
	if err := answers(db); err != nil {
		return err
	}
	return mysqlForbidden(exactly(db).Migrator().CreateTable(&freezing{}))
}

// expectMove makes the triggers of common tables, so that a move finds them, and the tenant's
// row, so that writers find it: those who make it may meet in a deadlock. Where it cannot
// be done now, since the role may not or others have the tables, the move does it, or says why
// it cannot.
func (p *provider) expectMove(ctx context.Context, t tenancy.Tenant) error {
	s, err := p.mysqlCommon(t)
	if err != nil || s == nil {
		return err
	}
	owned, err := p.in.Ordered()
	if err != nil {
		return err
	}
	base, err := p.in.Base()
	if err != nil {
		return err
	}
	err = mysqlStructures.Run(ctx, base, func(tx gorm.ConnPool) error {
		for _, one := range owned {
			if err := s.mysqlTriggers(ctx, tx, one.Table); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT IGNORE INTO "+freeze.Tenants+" (tenant_id) VALUES (?)", t.ID)
		return err
	})
	if mysqlLocked(err) || mysqlUnable(err) || errors.Is(err, ddl.ErrHeld) {
		return nil
	}
	return err
}

// forgetFreeze removes the row of a tenant that was destroyed.
func (p *provider) forgetFreeze(ctx context.Context, t tenancy.Tenant) error {
	s, err := p.mysqlCommon(t)
	if err != nil || s == nil {
		return err
	}
	err = s.write(ctx, func(tx gorm.ConnPool) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM "+freeze.Tenants+" WHERE tenant_id = ?", t.ID)
		return err
	})
	if ddl.MySQLError(err, 1146) {
		return nil
	}
	return err
}

// mysqlCommon is the side of a tenant in common tables of MySQL, and nil elsewhere.
func (p *provider) mysqlCommon(t tenancy.Tenant) (*side, error) {
	if p.in.Dialect() != "mysql" {
		return nil, nil //nolint:nilnil // there is none
	}
	at, err := p.of(t)
	if err != nil {
		return nil, err
	}
	s, err := p.side(t, at.name)
	if err != nil || !s.common() {
		return nil, err
	}
	return s, nil
}
