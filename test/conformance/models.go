package conformance

import (
	"gorm.io/gorm"
)

// Plan is common to all tenants.
type Plan struct {
	ID   uint   `gorm:"primaryKey;autoIncrement:false"`
	Name string `gorm:"size:64"`
}

// Address is embedded.
type Address struct {
	Street string `gorm:"size:64"`
	City   string `gorm:"size:64"`
}

// User has every kind of relation. Its key, like most, has the tenant in front.
type User struct {
	TenantID  string    `gorm:"primaryKey;size:64;uniqueIndex:idx_mail,priority:1"`
	ID        uint      `gorm:"primaryKey;autoIncrement:false"`
	Name      string    `gorm:"size:64;index"`
	Email     string    `gorm:"size:64;uniqueIndex:idx_mail,priority:2"`
	Age       int       `gorm:"index:idx_age"`
	Home      Address   `gorm:"embedded;embeddedPrefix:home_"`
	Work      *Address  `gorm:"embedded;embeddedPrefix:work_"`
	PlanID    *uint     // belongs to a shared model
	Plan      *Plan     //
	ManagerID *uint     // refers to itself
	Manager   *User     `gorm:"foreignKey:TenantID,ManagerID;references:TenantID,ID"`
	Reports   []User    `gorm:"foreignKey:TenantID,ManagerID;references:TenantID,ID"`
	Profile   *Profile  `gorm:"foreignKey:TenantID,UserID;references:TenantID,ID"`
	Orders    []Order   `gorm:"foreignKey:TenantID,UserID;references:TenantID,ID"`
	Tags      []Tag     `gorm:"many2many:user_tags"`
	Notes     []Comment `gorm:"polymorphic:Owner"`
}

// Profile is a user's only one.
type Profile struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	UserID   *uint
	User     *User  `gorm:"foreignKey:TenantID,UserID;references:TenantID,ID"`
	Bio      string `gorm:"size:64"`
}

// Order belongs to a user, and is deleted softly.
type Order struct {
	TenantID  string `gorm:"primaryKey;size:64"`
	ID        uint   `gorm:"primaryKey;autoIncrement:false"`
	UserID    *uint
	User      *User  `gorm:"foreignKey:TenantID,UserID;references:TenantID,ID"`
	Title     string `gorm:"size:64"`
	Total     int
	Notes     []Comment `gorm:"polymorphic:Owner"`
	DeletedAt gorm.DeletedAt
}

// Tag is at the far end of a many-to-many relation with an implicit join table.
type Tag struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:64"`
}

// Comment is polymorphic: nothing in its relation names the tenant.
type Comment struct {
	TenantID  string `gorm:"primaryKey;size:64"`
	ID        uint   `gorm:"primaryKey;autoIncrement:false"`
	OwnerID   *uint
	OwnerType string `gorm:"size:32"`
	Text      string `gorm:"size:64"`
}

// Item has a key that the database counts up, and the tenant beside it.
type Item struct {
	ID       uint
	TenantID string `gorm:"size:64;index"`
	Name     string `gorm:"size:64"`
	Count    int
	Parts    []Part  `gorm:"constraint:OnDelete:CASCADE"`
	Labels   []Label `gorm:"many2many:item_labels"`
}

// Part belongs to an item, by the item's key alone.
type Part struct {
	ID       uint
	TenantID string `gorm:"size:64;index"`
	ItemID   *uint
	Item     *Item
	Name     string `gorm:"size:64"`
}

// Label is at the far end of a relation in which nothing names the tenant.
type Label struct {
	ID       uint
	TenantID string `gorm:"size:64;index"`
	Name     string `gorm:"size:64"`
}

// Setting names its table itself.
type Setting struct {
	TenantID string `gorm:"primaryKey;size:64"`
	Code     string `gorm:"primaryKey;size:64"`
	Value    string `gorm:"size:64"`
}

// TableName implements schema.Tabler.
func (Setting) TableName() string { return "app_settings" }

// Event has hooks that read and write by the handle that they are given.
type Event struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:64"`
	Before   int64  // how many events there were when it was made
	Audits   int64  `gorm:"-"` // how many audits there are when it is read
}

// BeforeCreate reads.
func (e *Event) BeforeCreate(tx *gorm.DB) error {
	return tx.Model(&Event{}).Count(&e.Before).Error
}

// AfterCreate writes.
func (e *Event) AfterCreate(tx *gorm.DB) error {
	return tx.Create(&Audit{ID: e.ID, Text: e.Name}).Error
}

// AfterFind reads while another statement's rows are at hand.
func (e *Event) AfterFind(tx *gorm.DB) error {
	return tx.Model(&Audit{}).Count(&e.Audits).Error
}

// AfterUpdate reads and writes.
func (e *Event) AfterUpdate(tx *gorm.DB) error {
	var a Audit
	if err := tx.Where("id = ?", e.ID).First(&a).Error; err != nil {
		return err
	}
	return tx.Model(&a).Update("text", a.Text+"+").Error
}

// Audit is what the hooks of Event write.
type Audit struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Text     string `gorm:"size:64"`
}

// Models returns the owned models of the suite, new ones in each call.
func Models() []any {
	return []any{
		&User{}, &Profile{}, &Order{}, &Tag{}, &Comment{}, &Item{}, &Part{}, &Label{}, &Setting{}, &Event{}, &Audit{},
	}
}

// Shared returns the shared models of the suite.
func Shared() []any { return []any{&Plan{}} }

// tables lists the owned tables, each after those that it refers to.
func tables() []string {
	return []string{
		"users", "profiles", "orders", "tags", "user_tags", "comments", "items", "parts", "labels", "item_labels",
		"app_settings", "events", "audits",
	}
}
