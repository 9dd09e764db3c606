package differential

import (
	"database/sql"

	"gorm.io/gorm"
)

// The tenant is left out of what is compared: plain GORM leaves its column empty.

type plan struct {
	ID   uint `gorm:"autoIncrement:false"`
	Name string
}

type address struct{ City, Street string }

type club struct {
	ID       uint
	TenantID string            `json:"-"`
	Name     string            `gorm:"size:64"`
	Meta     map[string]string `gorm:"serializer:json"`
	Members  []member
}

type member struct {
	ID        uint
	TenantID  string         `json:"-"`
	Name      string         `gorm:"size:64"`
	Mail      *string        `gorm:"size:64;uniqueIndex"`
	Age       int            `gorm:"default:18"`
	Nick      sql.NullString `gorm:"size:64"`
	Home      address        `gorm:"embedded;embeddedPrefix:home_"`
	DeletedAt gorm.DeletedAt `gorm:"index"                         json:"-"`
	ClubID    *uint
	Club      *club
	BossID    *uint
	Boss      *member
	Team      []member `gorm:"foreignKey:BossID"`
	Badge     *badge   `gorm:"constraint:OnDelete:CASCADE"`
	Pets      []pet    `gorm:"polymorphic:Owner"`
	Skills    []skill  `gorm:"many2many:member_skills"`
	Teams     []team   `gorm:"many2many:seats"`
	PlanID    *uint
	Plan      *plan
}

type badge struct {
	ID       uint
	TenantID string `json:"-"`
	MemberID *uint
	Member   *member
	Number   string `gorm:"size:64"`
}

type pet struct {
	ID        uint
	TenantID  string `json:"-"`
	OwnerID   *uint
	OwnerType string         `gorm:"size:32"`
	Name      string         `gorm:"size:64"`
	Before    int64          // how many there were when it was made
	DeletedAt gorm.DeletedAt `json:"-"`
}

// BeforeCreate asks by the handle that it is given.
func (p *pet) BeforeCreate(tx *gorm.DB) error { return tx.Model(&pet{}).Count(&p.Before).Error }

// skill has the tenant in its key.
type skill struct {
	TenantID string `gorm:"primaryKey;size:64" json:"-"`
	Code     string `gorm:"primaryKey;size:16"`
	Name     string `gorm:"size:64"`
}

type team struct {
	ID       uint
	TenantID string `json:"-"`
	Name     string `gorm:"size:64"`
}

// seat is a join model.
type seat struct {
	TenantID string `json:"-"`
	MemberID uint   `gorm:"primaryKey;autoIncrement:false"`
	TeamID   uint   `gorm:"primaryKey;autoIncrement:false"`
	Role     string `gorm:"size:16;default:'guest'"`
}

func models() []any {
	return []any{&club{}, &member{}, &badge{}, &pet{}, &skill{}, &team{}, &seat{}}
}

// tables are in an order in which they can be emptied.
var tables = []string{"seats", "member_skills", "badges", "pets", "members", "clubs", "teams", "skills"}
