package conformance

import (
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Author, Book and Genre are natural models: they know nothing of tenants.
type Author struct {
	gorm.Model
	Name  string `gorm:"size:64;uniqueIndex:idx_author_name"`
	Books []Book
	Bio   *Bio
}

// Book belongs to an author and has many genres.
type Book struct {
	ID        uint
	Title     string `gorm:"size:64;index"`
	AuthorID  *uint
	Author    *Author
	PlanID    *uint
	Plan      *Plan
	Genres    []Genre  `gorm:"many2many:book_genres"`
	Remarks   []Remark `gorm:"polymorphic:Owner"`
	Sequels   []Book   `gorm:"foreignKey:PrequelID"`
	Prequel   *Book    //
	PrequelID *uint
}

// Bio is an author's only one.
type Bio struct {
	ID       uint
	AuthorID *uint
	Text     string `gorm:"size:64"`
}

// Genre is at the far end of a many-to-many relation.
type Genre struct {
	ID   uint
	Name string `gorm:"size:64"`
}

// Remark is polymorphic.
type Remark struct {
	ID        uint
	OwnerID   *uint
	OwnerType string `gorm:"size:32"`
	Text      string `gorm:"size:64"`
}

func plainModels() []any { return []any{&Author{}, &Book{}, &Bio{}, &Genre{}, &Remark{}} }

func plainTables() []string {
	return []string{"authors", "books", "bios", "genres", "book_genres", "remarks"}
}

// seedPlain gives each tenant two authors with the same keys, and a book each.
func seedPlain(t testing.TB, w *World) {
	t.Helper()
	for _, s := range w.Sides() {
		for id := uint(1); id <= 2; id++ {
			author := Author{
				Name: s.Text("author", id), // the database counts the keys up
				Bio:  &Bio{Text: s.Text("bio", id)},
				Books: []Book{{
					Title: s.Text("book", id), PlanID: ptr(1),
					Genres:  []Genre{{Name: s.Text("genre", id)}},
					Remarks: []Remark{{Text: s.Text("remark", id)}},
				}},
			}
			must(t, s.Create(&author).Error)
		}
	}
}

func plainChecks() []check {
	return []check{
		{"read", func(c *Case) {
			var authors []Author
			c.OK(c.me.Preload("Books.Genres").Preload("Books.Remarks").Preload("Books.Plan").Preload("Bio").Order("id").Find(&authors))
			c.Own(authors)
			c.Names(pick(authors, func(a Author) string { return a.Name }), c.me.names("author", 1, 2)...)
			book := authors[1].Books[0]
			c.Equal([]string{book.Genres[0].Name, book.Remarks[0].Text, book.Plan.Name, authors[1].Bio.Text},
				[]string{c.me.Text("genre", 2), c.me.Text("remark", 2), "free", c.me.Text("bio", 2)})
			var books []Book
			c.OK(c.me.Joins("Author").Where("books.id = ?", 1).Or(c.quote("Author.name")+" = ?", c.other.Text("author", 1)).Find(&books))
			c.Equal(len(books), 1)
			c.Own(books)
			var n int64
			c.OK(c.me.Model(&Book{}).Where("author_id IN (?)", c.me.Model(&Author{}).Select("id")).Count(&n))
			c.Equal(n, int64(2))
		}},
		{"write", func(c *Case) {
			author := Author{Name: c.me.Text("author", 3), Books: []Book{{Title: c.me.Text("book", 3)}}}
			c.OK(c.me.Create(&author))
			c.OK(c.me.Save(&Author{Model: gorm.Model{ID: 1, CreatedAt: time.Now()}, Name: c.me.Text("author", "one")}))
			c.OK(c.me.Model(&Book{}).Where("id = ?", 2).Update("title", c.me.Text("book", "two")))
			c.Stored("authors", "name", c.me.Text("author", "one"), c.me.Text("author", 2), c.me.Text("author", 3))
			c.Stored("books", "title", c.me.Text("book", 1), c.me.Text("book", "two"), c.me.Text("book", 3))
			c.Affected(c.me.Where("id = ?", 2).Delete(&Author{}), 1)
			c.Affected(c.me.Unscoped().Where("id = ?", 2).Delete(&Remark{}), 1)
			c.Refused(c.me.Delete(&Book{}).Error, gorm.ErrMissingWhereClause)
		}},
		{"upsert", func(c *Case) {
			c.OK(c.me.Clauses(clause.OnConflict{UpdateAll: true}).Create(&[]Genre{{ID: 1, Name: c.me.Text("genre", "one")}, {ID: 9, Name: c.me.Text("genre", 9)}}))
			c.OK(c.me.Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "id"}},
				DoUpdates: clause.Assignments(map[string]any{"name": gorm.Expr("REPLACE(genres.name, '-', ?)", "+")}),
			}).Create(&Genre{ID: 2, Name: "x"}))
			c.Stored("genres", "name", c.me.Text("genre", "one"), strings.ReplaceAll(c.me.Text("genre", 2), "-", "+"), c.me.Text("genre", 9))
		}},
		{"associations", func(c *Case) {
			var book Book
			c.OK(c.me.First(&book, 1))
			of := func(name string) *gorm.Association { return c.me.Model(&book).Association(name) }
			c.NoError(of("Genres").Append(&Genre{ID: 2, Name: c.me.Text("genre", 2)}))
			c.Equal(of("Genres").Count(), int64(2))
			c.NoError(of("Genres").Replace(&Genre{Name: c.me.Text("genre", 3)}))
			c.NoError(of("Remarks").Clear())
			c.NoError(of("Author").Replace(&Author{Model: gorm.Model{ID: 2}, Name: c.me.Text("author", 2)}))
			c.NoError(of("Sequels").Append(&Book{Title: c.me.Text("book", 3)}))
			c.Stored("genres", "name", c.me.Text("genre", 1), c.me.Text("genre", 2), c.me.Text("genre", 3))
			c.Stored("books", "author_id", 2, 2, nil)
		}},
		{"transactions", func(c *Case) {
			c.Refused(c.me.Transaction(func(tx *gorm.DB) error {
				c.OK(tx.Create(&Genre{Name: c.me.Text("genre", 3)}))
				var n int64
				c.OK(tx.Model(&Genre{}).Count(&n))
				c.Equal(n, int64(3))
				return errMine
			}), errMine)
			c.NoError(c.me.Connection(func(tx *gorm.DB) error { return tx.Create(&Genre{Name: c.me.Text("genre", 3)}).Error }))
			c.Stored("genres", "name", toAny(c.me.names("genre", 1, 2, 3))...)
		}},
		{"raw", func(c *Case) {
			var titles []string
			c.OK(c.me.Raw("SELECT title FROM books ORDER BY id").Scan(&titles))
			c.Equal(titles, c.me.names("book", 1, 2))
			c.Affected(c.me.Exec("UPDATE books SET title = ? WHERE id = 1", c.me.Text("book", "one")), 1)
		}},
	}
}
