package test

import "testing"

// TestDestroyChains: rows that refer to rows of their own table are deleted whichever way they
// point, on servers that look at each row by itself as well, and other tenants' stay.
func TestDestroyChains(t *testing.T) {
	t.Parallel()
	for _, k := range movingKinds {
		t.Run(k.name, func(t *testing.T) {
			s := k.open(t, &specimen{})
			s.provision(t, "acme", "globex")
			for _, id := range []string{"acme", "globex"} {
				for n := range int64(4) { // 4, then 3 under 4, …
					must(t, s.as(id).Create(&specimen{ID: 4 - n, ParentID: map[bool]*int64{true: pointer(5 - n)}[n > 0]}).Error)
				}
				for n := range int64(4) { // 11, then 12 under 11, …
					must(t, s.as(id).Create(&specimen{ID: 11 + n, ParentID: map[bool]*int64{true: pointer(10 + n)}[n > 0]}).Error)
				}
				must(t, s.as(id).Model(&specimen{}).Where("id = ?", 11).Update("parent_id", 14).Error) // and round
				must(t, s.as(id).Delete(&specimen{}, "id = ?", 2).Error)
			}
			theirs := s.stored(t, "globex")
			must(t, s.migrate.Destroy(t.Context(), acme))
			s.provision(t, "acme")
			var left int64
			must(t, s.as("acme").Unscoped().Model(&specimen{}).Count(&left).Error)
			if left > 0 {
				t.Errorf("%d rows are left", left)
			}
			same(t, "globex", s.stored(t, "globex"), theirs)
		})
	}
}
