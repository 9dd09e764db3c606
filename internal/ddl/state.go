package ddl

import "errors"

// SQLState returns the SQLSTATE of an error, or "" where the driver tells none.
func SQLState(err error) string {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return state.SQLState()
	}
	return ""
}
