package migrate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gormtenancy/tenancy"
)

// differences says what a structure has, lacks or has otherwise than another.
func differences(actual, want tenancy.Objects) []string {
	var found []string
	for _, object := range slices.Sorted(maps.Keys(actual)) {
		definition := actual[object]
		switch wanted, known := want[object]; {
		case !known && definition == "":
			found = append(found, fmt.Sprintf("%s: not in the models", object))
		case !known:
			found = append(found, fmt.Sprintf("%s: not in the models: %s", object, definition))
		case wanted != definition:
			found = append(found, fmt.Sprintf("%s: is %s; should be %s", object, definition, wanted))
		}
	}
	for _, object := range slices.Sorted(maps.Keys(want)) {
		if _, there := actual[object]; !there {
			found = append(found, object+": missing")
		}
	}
	return found
}
