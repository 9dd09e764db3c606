// Package model holds the tables of the example as GORM has them. schema.sql describes
// the same tables for sqlc.
package model

import "time"

// Notebook is owned: its rows belong to a tenant. The tenant is part of the key, so two
// tenants may have the same IDs whatever the strategy.
type Notebook struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       int64  `gorm:"primaryKey;autoIncrement:false"`
	Title    string `gorm:"not null"`
}

// Note is owned, too.
type Note struct {
	TenantID   string    `gorm:"primaryKey;size:64"`
	ID         int64     `gorm:"primaryKey;autoIncrement:false"`
	NotebookID int64     `gorm:"not null"`
	Notebook   *Notebook `gorm:"foreignKey:TenantID,NotebookID;references:TenantID,ID"`
	Body       string    `gorm:"not null"`
	RemindAt   *time.Time
}

// Owned returns the owned models, for tenancy.Config.
func Owned() []any { return []any{&Notebook{}, &Note{}} }
