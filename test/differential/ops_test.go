package differential

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// small is part of a row, or of several.
type small struct {
	Name  string
	City  string
	Total int
}

// where narrows members in some way.
func (x *run) where(db *gorm.DB) *gorm.DB {
	switch x.IntN(11) {
	case 0:
		return db.Where("members.age > ?", x.IntN(40)).Or("members.name = ?", x.name("member"))
	case 1:
		return db.Where(&member{Name: x.name("member")})
	case 2:
		return db.Where(map[string]any{"members.age": []int{x.IntN(40), x.IntN(40), 18}})
	case 3:
		return db.Not("members.name = ?", x.name("member"))
	case 4:
		return db.Where(x.fresh().Where("members.age < ?", 10).Or(x.fresh().Where("members.age > ?", 20).Not("members.id = ?", x.id())))
	case 5:
		return db.Where([]uint{x.id(), x.id(), x.id()})
	case 6:
		return db.Where("members.age >= (?)", x.fresh().Model(&member{}).Select("min(age)"))
	case 7:
		return db.Where("members.id IN (?)", x.fresh().Model(&badge{}).Select("member_id"))
	case 8:
		return db.Where("EXISTS (?)", x.fresh().Model(&pet{}).Select("1").Where("pets.owner_id = members.id"))
	case 9:
		return db.Unscoped().Where("members.id > ?", x.s.base+3)
	default:
		return db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Where("members.home_city <> ?", "Oslo") })
	}
}

func (x *run) members() *gorm.DB { return x.where(x.db.Model(&member{})) }

// find reads members.
func find(chain func(x *run, db *gorm.DB) *gorm.DB) func(*run) {
	return func(x *run) {
		var rows []member
		x.rec(chain(x, x.where(x.db)).Order("members.id").Find(&rows), rows)
	}
}

// scan reads something else.
func scan(query func(x *run) *gorm.DB) func(*run) {
	return func(x *run) {
		var rows []small
		x.rec(query(x).Scan(&rows), rows)
	}
}

// loaded works on a member that was read, if there is one.
func loaded(work func(x *run, m *member)) func(*run) {
	return func(x *run) {
		var m member
		if x.rec(x.db.Preload("Badge").Preload("Pets").Preload("Skills").Preload("Teams").Limit(1).Find(&m, "id = ?", x.own()), m) && m.ID != 0 {
			work(x, &m)
		}
	}
}

// seed makes the rows that a program begins with.
func seed(x *run) {
	x.rec(x.db.Create(&[]club{{ID: x.s.base + 1, Name: x.name("club")}, {ID: x.s.base + 2, Name: x.name("club")}}))
	for i := range uint(6) {
		m := x.member(x.s.base+i+1, false)
		if i > 0 {
			boss, of := x.s.base+i/2+1, x.s.base+i%2+1
			m.BossID, m.ClubID = &boss, &of
		}
		m.Mail, m.Badge = nil, &badge{ID: m.ID, Number: x.name("badge")}
		m.Pets, m.Teams = []pet{{ID: m.ID, Name: x.name("pet")}}, []team{{ID: x.s.base + i%2 + 1, Name: x.name("team")}}
		m.Skills = []skill{{Code: []string{"go", "sql", "c"}[i%3], Name: x.name("skill")}}
		x.rec(x.db.Create(&m), m)
	}
}

var operations = []func(*run){
	find(func(_ *run, db *gorm.DB) *gorm.DB { return db }),
	find(func(x *run, db *gorm.DB) *gorm.DB { return db.Limit(2).Offset(x.IntN(3)) }),
	find(func(_ *run, db *gorm.DB) *gorm.DB { return db.Joins("Club").InnerJoins("Boss").Joins("Boss.Club") }),
	find(func(x *run, db *gorm.DB) *gorm.DB {
		return db.Joins("Club", x.fresh().Where("Club.name = ?", x.name("club")).Or("Club.id > 1"))
	}),
	find(func(_ *run, db *gorm.DB) *gorm.DB {
		return db.Preload(clause.Associations).Preload("Boss.Club.Members")
	}),
	find(func(x *run, db *gorm.DB) *gorm.DB {
		return db.Preload("Pets", "name <> ?", x.name("pet")).Preload("Skills", func(db *gorm.DB) *gorm.DB { return db.Where("code <> ?", "go").Or("code = ?", "c") })
	}),
	find(func(x *run, db *gorm.DB) *gorm.DB {
		return db.Joins("LEFT JOIN badges ON badges.member_id = members.id").Where("badges.id > ?", x.id())
	}),
	find(func(x *run, db *gorm.DB) *gorm.DB {
		return db.Where("members.id IN (SELECT member_id FROM badges WHERE number <> ?)", x.name("badge"))
	}),
	func(x *run) { var m member; x.rec(x.db.First(&m, x.id()), m) },
	func(x *run) { var m member; x.rec(x.where(x.db).Last(&m), m) },
	func(x *run) { var n int64; x.rec(x.members().Joins("Club").Count(&n), n) },
	func(x *run) { var n int64; x.rec(x.members().Distinct("home_city").Count(&n), n) },
	func(x *run) {
		var names []string
		x.rec(x.members().Order("members.id").Pluck("name", &names), names)
	},
	scan(func(x *run) *gorm.DB {
		return x.members().Select("home_city AS city, count(*) AS total").Group("home_city").Having("sum(age) > ?", 9).Order("home_city")
	}),
	scan(func(x *run) *gorm.DB {
		return x.db.Table("(?) AS s", x.where(x.fresh().Model(&member{})).Select("members.name, members.age AS total")).Where("total > ?", 9).Order("s.name, s.total")
	}),
	scan(func(x *run) *gorm.DB {
		return x.members().Select("members.name, (?) AS total", x.fresh().Model(&pet{}).Select("count(*)").Where("pets.owner_id = members.id")).Order("members.id")
	}),
	scan(func(x *run) *gorm.DB {
		return x.db.Table("members AS m").Select("m.name, c.name AS city").Joins("JOIN clubs AS c ON c.id = m.club_id").Order("m.id")
	}),
	scan(func(x *run) *gorm.DB {
		return x.db.Model(&member{}).Clauses(clause.From{Tables: []clause.Table{{Name: "members"}, {Name: "clubs", Alias: "c"}}}).
			Where("c.id = members.club_id").Select("members.name, c.name AS city").Order("members.id")
	}),
	scan(func(x *run) *gorm.DB {
		return x.db.Raw("WITH old AS (SELECT id, name FROM members WHERE age > ?) SELECT old.name, p.name AS city FROM old JOIN pets p ON p.owner_id = old.id ORDER BY old.id, p.id", 20)
	}),
	scan(func(x *run) *gorm.DB {
		return x.db.Raw("SELECT name FROM members UNION SELECT name FROM pets ORDER BY name")
	}),
	func(x *run) {
		var batch []member
		x.rec(x.where(x.db).FindInBatches(&batch, 2, func(tx *gorm.DB, n int) error {
			if x.rec(tx, n, batch); n == 3 {
				return errMine // GORM goes on for ever where the condition is an OR
			}
			return nil
		}))
	},
	func(x *run) {
		rows, err := gorm.G[member](x.db).Where("age > ?", 20).Preload("Pets", nil).Order("id").Find(x.s.ctx)
		x.note(err, rows)
	},
	func(x *run) { m := x.member(x.any(), false); x.rec(x.db.Create(&m), m) },
	func(x *run) { m := x.member(x.new(), true); x.rec(x.db.Create(&m), m) },
	func(x *run) {
		m := []member{x.member(x.new(), true), x.member(x.any(), true)}
		x.rec(x.db.Create(&m), m)
	},
	func(x *run) { m := x.member(x.new(), true); x.rec(x.db.Omit("Age", "Pets", "Teams.*").Create(&m), m) },
	func(x *run) {
		x.rec(x.db.Model(&member{}).Create([]map[string]any{{"id": x.new(), "name": x.name("member")}, {"id": x.new(), "age": gorm.Expr("? + 1", 5)}}))
	},
	func(x *run) {
		m := x.member(x.own(), false)
		x.rec(x.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&m), m)
	},
	func(x *run) {
		m := x.member(x.own(), false)
		x.rec(x.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&m))
	},
	func(x *run) {
		m := x.member(x.any(), false)
		x.rec(x.db.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"age": gorm.Expr("members.age + 1")}),
			Where: clause.Where{Exprs: []clause.Expression{gorm.Expr("members.age > ?", x.IntN(30))}},
		}).Create(&m))
	},
	func(x *run) { m := x.member(x.any(), false); x.rec(x.db.Save(&m), m) },
	func(x *run) { m := []member{x.member(x.any(), false), x.member(x.new(), false)}; x.rec(x.db.Save(&m)) },
	loaded(func(x *run, m *member) { m.Name, m.Age = x.name("member"), 9; x.rec(x.db.Save(m), m) }),
	func(x *run) {
		var m member
		x.rec(x.db.Where(member{Name: x.name("member")}).Attrs(member{ID: x.new()}).Assign(map[string]any{"age": 77}).Order("id").FirstOrCreate(&m), m)
	},
	func(x *run) { x.rec(x.members().Updates(member{Name: x.name("member"), Home: address{City: "Bern"}})) },
	func(x *run) { x.rec(x.members().Update("age", gorm.Expr("members.age + ?", 1))) },
	func(x *run) { x.rec(x.members().UpdateColumns(map[string]any{"home_street": x.name("street")})) },
	func(x *run) { x.rec(x.db.Model(&member{ID: x.id()}).Select("Name", "Nick").Updates(member{})) },
	func(x *run) {
		x.rec(x.members().Update("home_city", x.fresh().Model(&club{}).Select("name").Where("clubs.id = members.club_id")))
	},
	func(x *run) { x.rec(x.db.Model(&member{}).Update("age", 1)) },
	func(x *run) {
		x.rec(x.db.Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&pet{}).Update("name", x.name("pet")))
	},
	func(x *run) { x.rec(x.db.Exec("UPDATE members SET age = age + 1 WHERE id = ?", x.id())) },
	func(x *run) { x.rec(x.db.Delete(&badge{}, x.id())) },
	func(x *run) { x.rec(x.where(x.db).Delete(&member{})) },
	func(x *run) { x.rec(x.db.Where("name = ?", x.name("pet")).Or("id = ?", x.id()).Delete(&pet{})) },
	func(x *run) {
		x.rec(x.db.Unscoped().Where("owner_id IN (?)", x.fresh().Model(&member{}).Select("id").Where("age > 30")).Delete(&pet{}))
	},
	func(x *run) { x.rec(x.db.Delete(&badge{})) },
	loaded(func(x *run, m *member) { x.rec(x.db.Select("Badge", "Pets", "Teams").Delete(m)) }),
	loaded(func(x *run, m *member) {
		x.note(x.db.Model(m).Association("Pets").Append(&pet{ID: x.new(), Name: x.name("pet")}), m)
		x.note(nil, x.db.Model(m).Association("Pets").Count(), x.db.Model(m).Association("Teams").Count())
	}),
	loaded(func(x *run, m *member) {
		x.note(x.db.Model(m).Association("Skills").Replace(&skill{Code: "go"}, &skill{Code: "new", Name: x.name("skill")}))
	}),
	loaded(func(x *run, m *member) { x.note(x.db.Model(m).Association("Teams").Delete(m.Teams), m) }),
	loaded(func(x *run, m *member) { x.note(x.db.Model(m).Association("Pets").Unscoped().Clear(), m) }),
	loaded(func(x *run, m *member) {
		x.note(x.db.Model(m).Association("Club").Replace(&club{ID: x.any(), Name: x.name("club")}), m)
	}),
	func(x *run) { x.rec(x.db.Model(&seat{}).Where("member_id = ?", x.id()).Update("role", "chair")) },
}
