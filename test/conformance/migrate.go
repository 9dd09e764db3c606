package conformance

import (
	"slices"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
	"github.com/gormtenancy/tenancy/migrate"
)

// Late is a model that nobody listed.
type Late struct {
	TenantID string `gorm:"primaryKey;size:64"`
	ID       uint   `gorm:"primaryKey;autoIncrement:false"`
	Name     string `gorm:"size:64;index:idx_late"`
}

func migrateChecks() []check {
	return []check{
		{"AutoMigrate changes nothing twice", func(c *Case) {
			c.NoError(c.me.AutoMigrate(Models()...))
			c.NoError(c.me.AutoMigrate(&User{}, &Plan{}))
			c.NoError(c.me.Migrator().AutoMigrate(&Setting{}))
			c.verify(c.me)
			c.verify(c.other)
		}},
		{"AutoMigrate of shared models", func(c *Case) {
			c.NoError(c.World.DB.AutoMigrate(&Plan{}))
			c.Refused(c.World.DB.AutoMigrate(&Plan{}, &User{}), tenancy.ErrNoTenant)
		}},
		{"AutoMigrate of a model that is not listed", func(c *Case) {
			c.NoError(c.me.AutoMigrate(&Late{}))
			c.Equal(c.me.Migrator().HasTable(&Late{}), true)
			defer func() { c.NoError(c.me.Migrator().DropTable(&Late{})) }()
			c.OK(c.me.Create(&Late{ID: 1, Name: c.me.Text("late", 1)}))
			var all []Late
			c.OK(c.me.Where("1 = 0").Or("1 = 1").Find(&all))
			c.Equal(len(all), 1)
			c.Equal(all[0].TenantID, c.me.ID)
			all = nil
			err := c.other.Find(&all).Error
			if !c.World.sameTables() {
				c.Refused(err, tenancy.ErrNotProvisioned)
			}
			c.Equal(len(all), 0)
		}},
		{"Migrator reads", func(c *Case) {
			m := c.me.Migrator()
			for _, has := range []bool{
				m.HasTable(&User{}), m.HasTable("users"), m.HasTable("app_settings"), m.HasColumn(&User{}, "name"), m.HasColumn(&User{}, "Name"),
				m.HasColumn("users", "age"), m.HasIndex(&User{}, "idx_age"), m.HasTable("user_tags"), m.HasTable(&Plan{}) || c.me.ownDatabase(),
				!m.HasTable("nothing"), !m.HasColumn(&User{}, "nothing"),
			} {
				c.Equal(has, true)
			}
			tables, err := m.GetTables()
			c.NoError(err)
			for _, table := range c.World.kit.tables {
				if !slices.Contains(tables, table) {
					c.failf("%s is not in %v", table, tables)
				}
			}
			c.Own(tables)
			types, err := m.ColumnTypes(&Tag{})
			c.NoError(err)
			c.Equal(len(types), 3)
		}},
		{"Migrator changes the tenant's tables only", func(c *Case) {
			m := c.me.Migrator()
			c.NoError(m.CreateTable(&Late{}))
			c.Equal(m.HasIndex(&Late{}, "idx_late"), true)
			c.Equal(c.other.Migrator().HasTable(&Late{}), c.World.sameTables())
			c.NoError(m.RenameColumn(&Late{}, "name", "title"))
			c.Equal(m.HasColumn(&Late{}, "title"), true)
			c.NoError(m.DropTable("lates"))
			c.Equal(m.HasTable(&Late{}), false)
			c.Equal(c.other.Migrator().HasTable(&User{}), true)
		}},
		{"Migrator without a tenant", func(c *Case) {
			m := c.World.DB.Migrator()
			c.Refused(m.DropTable(&Late{}), tenancy.ErrNoTenant)
			c.Refused(m.CreateTable(&Late{}), tenancy.ErrNoTenant)
			c.Equal(m.HasTable(&User{}), false)
		}},
		{"AutoMigrate in a transaction", func(c *Case) {
			c.Refused(c.me.Transaction(func(tx *gorm.DB) error {
				c.NoError(tx.AutoMigrate(&Late{}))
				c.OK(tx.Create(&Late{ID: 1, Name: c.me.Text("late", 1)}))
				return errMine
			}), errMine)
			if c.World.DB.Name() != "mysql" {
				c.Equal(c.me.Migrator().HasTable(&Late{}), false)
				return
			}
			// MySQL commits before and after it changes a structure
			// (https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html): what was done stays, and is the tenant's.
			var all []Late
			c.OK(c.me.Find(&all))
			c.Equal(all, []Late{{TenantID: c.me.ID, ID: 1, Name: c.me.Text("late", 1)}})
			c.NoError(c.me.Migrator().DropTable(&Late{}))
		}},
		{"Verify", func(c *Case) { c.verify(c.me) }},
	}
}

// verify proves that a tenant's isolation holds.
func (c *Case) verify(s *Side) {
	c.Helper()
	m, err := migrate.New(c.World.DB)
	c.NoError(err)
	c.NoError(m.Verify(s.Ctx, s.Tenant))
}
