package conformance

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func readChecks() []check {
	return []check{
		{"First, Take, Last", func(c *Case) {
			var first, take, last, inline User
			c.OK(c.me.First(&first))
			c.OK(c.me.Where("name = ?", c.me.Text("user", 2)).Take(&take))
			c.OK(c.me.Last(&last))
			c.OK(c.me.First(&inline, 2))
			c.Users([]User{first, take, last, inline}, 1, 2, uint(c.me.Users), 2)
			key := User{ID: 3}
			c.OK(c.me.First(&key))
			c.Users([]User{key}, 3)
			c.Refused(c.me.First(&User{}, "name = ?", c.other.Text("user", 1)).Error, gorm.ErrRecordNotFound)
		}},
		{"Find", func(c *Case) {
			var all, some, by []User
			c.Affected(c.me.Find(&all), int64(c.me.Users))
			c.Users(all, c.me.All()...)
			c.OK(c.me.Find(&some, []uint{1, 3, 99}))
			c.Users(some, 1, 3)
			c.OK(c.me.Find(&by, User{Email: c.me.Text("mail", 2)}))
			c.Users(by, 2)
			c.Equal(all[0].Home, Address{c.me.Text("home", 1), c.me.Text("town", 1)})
			c.Equal(all[0].Work, &Address{Street: c.me.Text("work", 1)})
		}},
		{"Find nothing of the other's", func(c *Case) {
			for _, condition := range []*gorm.DB{
				c.me.Where("name = ?", c.other.Text("user", 1)),
				c.me.Where(&User{Name: c.other.Text("user", 1)}),
				c.me.Where(map[string]any{"email": c.other.Text("mail", 1)}),
				c.me.Where("id > ?", c.me.Users),
			} {
				var none []User
				c.Affected(condition.Find(&none), 0)
			}
		}},
		{"FindInBatches", func(c *Case) {
			var batch, all []User
			c.OK(c.me.FindInBatches(&batch, 2, func(tx *gorm.DB, n int) error {
				var again []User
				all = append(all, batch...)
				c.OK(tx.Session(&gorm.Session{NewDB: true}).Find(&again))
				c.Users(again, c.me.All()...)
				return nil
			}))
			c.Users(all, c.me.All()...)
			c.Refused(c.me.FindInBatches(&batch, 2, func(*gorm.DB, int) error { return errMine }).Error, errMine)
		}},
		{"FirstOrInit", func(c *Case) {
			var own, foreign User
			c.OK(c.me.Where(User{Name: c.me.Text("user", 2)}).FirstOrInit(&own))
			c.Users([]User{own}, 2)
			c.OK(c.me.Where(User{Name: "nobody"}).Attrs(User{Age: 7}).Assign(User{Email: "x"}).FirstOrInit(&foreign))
			c.Equal([]any{foreign.ID, foreign.Age, foreign.Email}, []any{uint(0), 7, "x"})
		}},
		{"FirstOrCreate", func(c *Case) {
			own, made := Tag{}, Tag{}
			c.Affected(c.me.Where(Tag{ID: 1}).FirstOrCreate(&own), 0)
			c.Equal(own.Name, c.me.Text("tag", 1))
			c.Affected(c.me.Where(Tag{ID: 9}).Attrs(Tag{Name: c.me.Text("tag", 9)}).FirstOrCreate(&made), 1)
			c.Affected(c.me.Where(Tag{ID: 9}).Assign(Tag{Name: c.me.Text("tag", 10)}).FirstOrCreate(&Tag{}), 1)
			c.Stored("tags", "name", c.me.Text("tag", 1), c.me.Text("tag", 2), c.me.Text("tag", 10))
		}},
		{"Count", func(c *Case) {
			var all, some, distinct, none int64
			c.OK(c.me.Model(&User{}).Count(&all))
			c.OK(c.me.Model(&User{}).Where("id < ?", 3).Or("id = ?", 3).Count(&some))
			c.OK(c.me.Model(&User{}).Distinct("home_city").Count(&distinct))
			c.OK(c.me.Model(&User{}).Where("age > ?", c.me.age(100)).Or("name = ?", c.other.Text("user", 1)).Count(&none))
			c.Equal([]int64{all, some, distinct, none}, []int64{int64(c.me.Users), 3, 1, 0})
		}},
		{"Pluck", func(c *Case) {
			var names []string
			var ages []int
			c.OK(c.me.Model(&User{}).Order("id").Pluck("name", &names))
			c.Names(names, c.me.names("user", c.me.All()...)...)
			c.OK(c.me.Table("users").Where("id <= ?", 2).Order("id").Pluck("age", &ages))
			c.Equal(ages, []int{c.me.age(1), c.me.age(2)})
		}},
		{"Scan", func(c *Case) {
			var small []struct{ Name string }
			var sum int
			c.OK(c.me.Model(&User{}).Where("id < ?", 3).Scan(&small))
			c.Equal(len(small), 2)
			c.Own(small)
			c.OK(c.me.Model(&Order{}).Select("SUM(total)").Scan(&sum))
			c.Equal(sum, 3*c.me.base+6)
			row := map[string]any{}
			c.OK(c.me.Model(&User{}).Where("id = ?", 1).Take(&row))
			c.Equal(row["name"], c.me.Text("user", 1))
			var rows []map[string]any
			c.OK(c.me.Model(&User{}).Find(&rows))
			c.Equal(len(rows), c.me.Users)
			c.Own(rows)
		}},
		{"a smaller struct than the model", func(c *Case) {
			var small []struct {
				ID   uint
				Name string
			}
			c.OK(c.me.Model(&User{}).Find(&small))
			c.Equal(len(small), c.me.Users)
			c.Own(small)
			c.OK(c.me.Session(&gorm.Session{QueryFields: true}).Model(&User{}).Find(&small))
			c.Own(small)
		}},
		{"Rows, ScanRows, Row", func(c *Case) {
			rows, err := c.me.Model(&User{}).Where("id <= ?", 3).Rows()
			c.NoError(err)
			var all []User
			for rows.Next() {
				var u User
				c.NoError(c.me.ScanRows(rows, &u))
				all = append(all, u)
			}
			c.NoError(rows.Err())
			c.NoError(rows.Close())
			c.Users(all, 1, 2, 3)
			var name string
			c.NoError(c.me.Model(&User{}).Select("name").Where("id = ?", 2).Row().Scan(&name))
			c.Equal(name, c.me.Text("user", 2))
			var n, total int
			c.NoError(c.me.Table("orders").Select("COUNT(*), SUM(total)").Row().Scan(&n, &total))
			c.Equal([]int{n, total}, []int{4, 4*c.me.base + 10})
		}},
		{"soft deletion and Unscoped", func(c *Case) {
			var alive, all []Order
			c.OK(c.me.Find(&alive))
			c.Orders(alive, 1, 2, 3)
			c.OK(c.me.Unscoped().Find(&all))
			c.Orders(all, 1, 2, 3, 4)
			c.OK(c.me.Unscoped().Where("total > ?", 0).Or("total < ?", 0).Find(&all))
			c.Orders(all, 1, 2, 3, 4)
			var n int64
			c.OK(c.me.Unscoped().Model(&Order{}).Count(&n))
			c.Equal(n, int64(4))
		}},
		{"a model without rows", func(c *Case) {
			c.OK(c.me.Where("id > ?", 0).Delete(&Audit{}))
			var none []Audit
			var n int64
			c.Affected(c.me.Find(&none), 0)
			c.OK(c.me.Model(&Audit{}).Count(&n))
			c.Equal(n, int64(0))
			c.Refused(c.me.Take(&Audit{}).Error, gorm.ErrRecordNotFound)
			c.Affected(c.me.Model(&Audit{}).Where("id > ?", 0).Update("text", "x"), 0)
		}},
		{"a model that names its table", func(c *Case) {
			var all []Setting
			c.OK(c.me.Find(&all))
			c.Equal(len(all), 2)
			c.Own(all)
			var one Setting
			c.OK(c.me.First(&one, "app_settings.code = ?", "theme"))
			c.Equal(one.Value, c.me.Text("theme", "dark"))
		}},
		{"Locking", func(c *Case) {
			for _, lock := range []clause.Locking{{Strength: "UPDATE"}, {Strength: "SHARE"}} {
				var all []User
				c.NoError(c.me.Transaction(func(tx *gorm.DB) error {
					return tx.Clauses(lock).Where("id = ?", 1).Or("id = ?", 2).Find(&all).Error
				}))
				c.Users(all, 1, 2)
			}
		}},
		{"Scopes and Set", func(c *Case) {
			young := func(tx *gorm.DB) *gorm.DB { return tx.Where("id < ?", 3) }
			or := func(tx *gorm.DB) *gorm.DB { return tx.Or("id = ?", 3) }
			var all []User
			c.OK(c.me.Set("x", 1).Scopes(young, or).Find(&all))
			c.Users(all, 1, 2, 3)
		}},
	}
}
