package migrate

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable writes the report as a table: a line for each tenant, and a sum.
func (r *Report) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "TENANT\tSTATE\tTOOK\tWHAT"); err != nil {
		return err
	}
	for i := range r.Results {
		result := &r.Results[i]
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", cell(result.Tenant.ID), result.State, result.Took.Round(time.Millisecond), cell(result.what())); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s in %s\n", r.sum(), r.Took.Round(time.Millisecond))
	return err
}

// what says in one line what there is to say of a tenant.
func (r *Result) what() string {
	parts := []string{}
	switch {
	case r.Err != nil:
		parts = append(parts, r.Err.Error())
	default:
		if r.Note != "" {
			parts = append(parts, r.Note)
		}
		for _, found := range r.Differed {
			if !slices.Contains(r.Differs, found) { // what is still so is said once
				parts = append(parts, "found "+found)
			}
		}
		parts = append(parts, r.Differs...)
	}
	return strings.Join(parts, "; ")
}

// cell keeps a text within its cell.
func cell(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' {
			return ' '
		}
		return c
	}, text)
}

// sum counts the tenants by state.
func (r *Report) sum() string {
	parts := []string{fmt.Sprintf("%d tenants", len(r.Results))}
	for _, state := range []State{Done, UpToDate, Behind, Drifted, Missing, Failed, Skipped} {
		if n := r.Count(state); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(parts, ", ")
}

// MarshalJSON writes a result with its error as a text and its time in milliseconds.
func (r *Result) MarshalJSON() ([]byte, error) {
	text := ""
	if r.Err != nil {
		text = r.Err.Error()
	}
	return json.Marshal(struct {
		Tenant   string   `json:"tenant"`
		State    State    `json:"state"`
		Error    string   `json:"error,omitempty"`
		Changed  bool     `json:"changed,omitempty"`
		Note     string   `json:"note,omitempty"`
		Differed []string `json:"differed,omitempty"`
		Differs  []string `json:"differs,omitempty"`
		Took     float64  `json:"tookMs"`
	}{r.Tenant.ID, r.State, text, r.Changed, r.Note, r.Differed, r.Differs, milliseconds(r.Took)})
}

// MarshalJSON writes the report: the number of tenants in each state, and each tenant.
func (r *Report) MarshalJSON() ([]byte, error) {
	counts := map[State]int{}
	results := make([]*Result, len(r.Results))
	for i := range r.Results {
		counts[r.Results[i].State]++
		results[i] = &r.Results[i]
	}
	return json.Marshal(struct {
		Counts  map[State]int `json:"counts"`
		Tenants []*Result     `json:"tenants"`
		Took    float64       `json:"tookMs"`
	}{counts, results, milliseconds(r.Took)})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
