package main

// User is owned: its rows belong to a tenant. The tenant is part of the key, so two
// tenants may have the same IDs whatever the strategy.
type User struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Name     string
	PlanID   uint
	Plan     Plan
	Orders   []Order `gorm:"foreignKey:TenantID,UserID;references:TenantID,ID"`
}

// Order is owned, too. Its key is one for all tenants, as in many an application.
type Order struct {
	ID       uint
	TenantID string `gorm:"size:64;index"`
	UserID   uint
	Item     string
}

// Plan is shared by all tenants.
type Plan struct {
	ID   uint
	Name string
}
