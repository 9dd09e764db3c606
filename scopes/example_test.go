package scopes_test

import (
	"fmt"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy/scopes"
)

// Without the plugin a scope narrows the one statement that it is put on.
func ExampleTenant() {
	type Invoice struct {
		ID       uint
		TenantID string
		Total    int
	}
	db, err := gorm.Open(sqlite.Open("file:invoices?mode=memory&cache=shared"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		panic(err)
	}
	if err := db.AutoMigrate(&Invoice{}); err != nil {
		panic(err)
	}
	db.Scopes(scopes.Tenant("acme")).Create(&Invoice{Total: 100})
	db.Scopes(scopes.Tenant("globex")).Create(&Invoice{Total: 200})

	var invoices []Invoice
	db.Scopes(scopes.Tenant("acme")).Where("total > ?", 0).Or("total < ?", 0).Find(&invoices)
	for _, invoice := range invoices {
		fmt.Println(invoice.TenantID, invoice.Total)
	}
	err = db.Scopes(scopes.Tenant("acme")).Delete(&Invoice{}).Error
	fmt.Println(err)
	// Output:
	// acme 100
	// WHERE conditions required
}
