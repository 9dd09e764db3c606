package conformance

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
)

// Case is a case at work for one tenant.
type Case struct {
	*testing.T
	World     *World
	me, other *Side
}

// Me returns the tenant that the case acts for.
func (c *Case) Me() *Side { return c.me }

// Other returns the tenant whose rows must not be seen or changed.
func (c *Case) Other() *Side { return c.other }

func (c *Case) failf(format string, args ...any) {
	c.Helper()
	c.Fatalf("as %s: %s", c.me.ID, fmt.Sprintf(format, args...))
}

// OK fails the case unless the statement went well.
func (c *Case) OK(tx *gorm.DB) {
	c.Helper()
	c.NoError(tx.Error)
}

// NoError fails the case where there is an error.
func (c *Case) NoError(err error) {
	c.Helper()
	if err != nil {
		c.failf("%v", err)
	}
}

// Refused fails the case unless err is want.
func (c *Case) Refused(err, want error) {
	c.Helper()
	if !errors.Is(err, want) {
		c.failf("want %q, got %v", want, err)
	}
}

// Affected fails the case unless the statement went well and changed n rows.
func (c *Case) Affected(tx *gorm.DB, n int64) {
	c.Helper()
	c.OK(tx)
	c.Equal(tx.RowsAffected, n)
}

// Equal fails the case unless two values are equal.
func (c *Case) Equal(got, want any) {
	c.Helper()
	if !reflect.DeepEqual(got, want) {
		c.failf("want %v, got %v", want, got)
	}
}

// Own fails the case when something of the other tenant is in a value.
func (c *Case) Own(values ...any) {
	c.Helper()
	for _, value := range values {
		if text, found := foreign(reflect.ValueOf(value), c.other.ID); found {
			c.failf("%q, which is the other tenant's, in %+v", text, value)
		}
	}
}

// foreign finds a text that holds id, anywhere in a value.
func foreign(v reflect.Value, id string) (string, bool) {
	switch v.Kind() {
	case reflect.String:
		return v.String(), strings.Contains(v.String(), id)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "", false
		}
		return foreign(v.Elem(), id)
	case reflect.Struct:
		for i := range v.NumField() {
			if text, found := foreign(v.Field(i), id); found {
				return text, true
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if text, found := foreign(v.Index(i), id); found {
				return text, true
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if text, found := foreign(v.MapIndex(key), id); found {
				return text, true
			}
		}
	default:
	}
	return "", false
}

// Users fails the case unless the users are the tenant's with the given IDs, in order.
func (c *Case) Users(got []User, ids ...uint) {
	c.Helper()
	c.Own(got)
	c.Names(pick(got, func(u User) string { return u.Name }), c.me.names("user", ids...)...)
}

// Orders is Users for orders.
func (c *Case) Orders(got []Order, ids ...uint) {
	c.Helper()
	c.Own(got)
	c.Names(pick(got, func(o Order) string { return o.Title }), c.me.names("order", ids...)...)
}

// Names fails the case unless the texts are the wanted ones, in any order.
func (c *Case) Names(got []string, want ...string) {
	c.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		c.failf("want %v, got %v", want, got)
	}
}

// Stored fails the case unless a column of a table holds these texts for the
// tenant, as read without the plugin.
func (c *Case) Stored(table, column string, want ...any) {
	c.Helper()
	got := c.World.Column(c, c.me, table, column)
	var texts []string
	for _, w := range want {
		texts = append(texts, fmt.Sprint(w))
	}
	c.Names(got, texts...)
}

func pick[T any](values []T, text func(T) string) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = text(value)
	}
	return texts
}

// names makes the texts of a kind.
func (s *Side) names(kind string, ids ...uint) []string {
	return pick(ids, func(id uint) string { return s.Text(kind, id) })
}

// All lists the IDs of all the tenant's users.
func (s *Side) All() []uint {
	var ids []uint
	for i := 1; i <= s.Users; i++ {
		ids = append(ids, uint(i))
	}
	return ids
}

// load reads user id with the composite key in it.
func (c *Case) load(id uint) User {
	c.Helper()
	var u User
	c.OK(c.me.First(&u, "id = ?", id))
	return u
}

// errMine is what a user's callback returns.
var errMine = errors.New("the caller's own error")
