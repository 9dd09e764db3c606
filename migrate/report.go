package migrate

import (
	"errors"
	"fmt"
	"time"

	"github.com/gormtenancy/tenancy"
)

// State is what became of a tenant in a run.
type State string

// The states of a tenant after a run of Up, and what Status finds.
const (
	Done    State = "done"    // Up: its structures are what the models say
	Failed  State = "failed"  // the work failed; see Err
	Skipped State = "skipped" // not begun: the run had failed, or was stopped or cancelled; see Err

	UpToDate State = "up to date" // Status: verified
	Missing  State = "missing"    // Status: not provisioned
	Behind   State = "behind"     // Status: as a run has left it, and the models have changed since: ErrBehind
	Drifted  State = "drifted"    // Status: neither what the models say nor what a run has left: ErrDrifted
)

// Result is what became of one tenant.
type Result struct {
	Tenant tenancy.Tenant
	State  State
	Err    error // for Failed, Behind and Drifted, and why for Skipped and Missing
	Took   time.Duration
	// Version is the highest version that the tenant has of migrations that have versions.
	Version int64
	// Changed says that Up has changed the tenant's structures. Where tenants share them
	// it is not known, and false.
	Changed bool
	// Note is what Up did otherwise than for most: why a tenant was migrated by itself.
	Note string
	// Differed is what Up found to be otherwise than the last run had left it; what of it Up
	// has left is in Differs as well.
	Differed []string
	// Differs is what is otherwise than in tenants that are up to date: for Up when it
	// was done, since nothing is ever dropped.
	Differs []string
}

// Report names every tenant of a run, in the order in which they came.
type Report struct {
	Results []Result
	Took    time.Duration
}

// Count counts the tenants in a state.
func (r *Report) Count(state State) int {
	n := 0
	for _, result := range r.Results {
		if result.State == state {
			n++
		}
	}
	return n
}

// In lists the tenants in a state.
func (r *Report) In(state State) []tenancy.Tenant {
	var tenants []tenancy.Tenant
	for _, result := range r.Results {
		if result.State == state {
			tenants = append(tenants, result.Tenant)
		}
	}
	return tenants
}

// PartialError says that a run did not do all it was given. The report says which.
type PartialError struct {
	Report *Report
	// Source is the error of the sequence of tenants, of the context, or of what the run
	// does for all tenants together, or several of these; nil when only tenants failed.
	Source error
}

// Error counts the tenants, and shows the first failure.
func (e *PartialError) Error() string {
	text := fmt.Sprintf("tenancy: migrate: %d tenants failed and %d were skipped of %d",
		e.Report.Count(Failed), e.Report.Count(Skipped), len(e.Report.Results))
	for _, result := range e.Report.Results {
		if result.State == Failed {
			return text + "; the first: " + result.Err.Error()
		}
	}
	if e.Source != nil {
		text += ": " + e.Source.Error()
	}
	return text
}

// Unwrap returns the errors of the source and of the tenants that failed.
func (e *PartialError) Unwrap() []error {
	var errs []error
	if e.Source != nil {
		errs = append(errs, e.Source)
	}
	for _, result := range e.Report.Results {
		if result.State == Failed {
			errs = append(errs, result.Err)
		}
	}
	return errs
}

// err returns the report's error: nil when everything was done.
func (r *Report) err(source error) error {
	if source == nil && r.Count(Failed) == 0 && r.Count(Skipped) == 0 {
		return nil
	}
	return &PartialError{Report: r, Source: source}
}

// stateOf is what Status makes of Verify's answer.
func stateOf(err error) State {
	switch {
	case err == nil:
		return UpToDate
	case errors.Is(err, tenancy.ErrNotProvisioned):
		return Missing
	case errors.Is(err, tenancy.ErrDrifted):
		return Drifted
	default:
		return Failed
	}
}
