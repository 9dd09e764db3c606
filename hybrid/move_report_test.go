package hybrid

import "testing"

// TestMoveReportSays: a report says what its run knows, and not that an earlier one has moved nothing.
func TestMoveReportSays(t *testing.T) {
	tables := []MovedTable{{Table: "notes", Rows: 2}, {Table: "marks", Rows: 1}}
	for want, r := range map[string]MoveReport{
		`tenant "acme" is in the tier "premium" already`:                                                                                                                        {},
		`tenant "acme" moved from "standard" to "premium": 3 rows in 2 tables`:                                                                                                  {Moved: true, Tables: tables},
		`tenant "acme" moved from "standard" to "premium": 0 rows in 0 tables`:                                                                                                  {Moved: true},
		`tenant "acme" moved from "standard" to "premium": 3 rows in 2 tables; the source is kept until hybrid.Finish`:                                                          {Moved: true, Tables: tables, Kept: true},
		`tenant "acme" moved from "standard" to "premium", resumed at the step "copying": 3 rows in 2 tables`:                                                                   {Moved: true, Tables: tables, Resumed: stepCopying},
		`tenant "acme" moved from "standard" to "premium", resumed at the step "flipping": an earlier run has copied and compared the rows`:                                     {Moved: true, Resumed: stepFlipping},
		`tenant "acme" moved from "standard" to "premium", resumed at the step "kept": an earlier run has copied and compared the rows; the source is kept until hybrid.Finish`: {Moved: true, Resumed: stepKept, Kept: true},
	} {
		r.Tenant, r.From, r.To = "acme", "standard", "premium"
		if got := r.String(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
