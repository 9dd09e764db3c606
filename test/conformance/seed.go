package conformance

import (
	"testing"

	"gorm.io/gorm"
)

// seed fills the tables. Both tenants have users 1 to 3 (globex has 4 as well), with
// the same IDs and other content. Of the orders, 1, 2 and 4 are user 1's and 3 is
// user 2's; 4 was deleted.
func seed(t testing.TB, w *World) {
	t.Helper()
	for _, s := range w.Sides() {
		for _, rows := range s.seedRows() {
			must(t, s.Session(&gorm.Session{SkipHooks: true}).Create(rows).Error)
		}
		must(t, s.Delete(&Order{}, "id = ?", 4).Error)
		items := s.items()
		must(t, s.Create(&items).Error)
		for _, item := range items {
			s.ItemIDs = append(s.ItemIDs, item.ID)
			s.PartIDs = append(s.PartIDs, item.Parts[0].ID)
			s.Labels = append(s.Labels, item.Labels[0].ID)
		}
	}
}

// seedRows makes a tenant's rows, but for those with keys that the database counts up.
func (s *Side) seedRows() []any {
	var users []User
	for i := 1; i <= s.Users; i++ {
		users = append(users, s.user(uint(i)))
	}
	return []any{
		&users,
		&[]Order{s.order(1, 1), s.order(2, 1), s.order(3, 2), s.order(4, 1)},
		&[]Comment{s.comment(1, 1, "users"), s.comment(2, 1, "orders"), s.comment(3, 2, "users")},
		&[]Setting{{Code: "theme", Value: s.Text("theme", "dark")}, {Code: "lang", Value: s.Text("lang", "en")}},
		&[]Event{{ID: 1, Name: s.Text("event", 1)}, {ID: 2, Name: s.Text("event", 2)}},
		&[]Audit{{ID: 1, Text: s.Text("audit", 1)}, {ID: 2, Text: s.Text("audit", 2)}, {ID: 3, Text: s.Text("audit", 3)}},
	}
}

// user makes user id: of the plan 1, of the manager 1 where it is not itself, with a
// profile, and with tags where it is 1 or 2.
func (s *Side) user(id uint) User {
	u := User{
		ID: id, Name: s.Text("user", id), Email: s.Text("mail", id), Age: s.age(id),
		Home: Address{Street: s.Text("home", id), City: s.Text("town", 1)},
		Work: &Address{Street: s.Text("work", id)}, PlanID: ptr(1),
		Profile: &Profile{ID: id, Bio: s.Text("bio", id)},
	}
	if id > 1 {
		u.ManagerID = ptr(1)
	}
	if id <= 2 {
		u.Tags = []Tag{{ID: 1, Name: s.Text("tag", 1)}, {ID: 2, Name: s.Text("tag", 2)}}[:3-id]
	}
	return u
}

func (s *Side) age(id uint) int { return s.base + 10*int(id) }

func (s *Side) order(id, user uint) Order {
	return Order{ID: id, UserID: ptr(user), Title: s.Text("order", id), Total: s.base + int(id)}
}

func (s *Side) comment(id, owner uint, kind string) Comment {
	return Comment{ID: id, OwnerID: ptr(owner), OwnerType: kind, Text: s.Text("comment", id)}
}

func (s *Side) items() []Item {
	var items []Item
	for i := 1; i <= 2; i++ {
		items = append(items, Item{
			Name: s.Text("item", i), Count: s.base + i,
			Parts:  []Part{{Name: s.Text("part", i)}},
			Labels: []Label{{Name: s.Text("label", i)}},
		})
	}
	return items
}

func ptr(id uint) *uint { return &id }
