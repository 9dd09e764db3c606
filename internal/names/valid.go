package names

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// maxID is the length in bytes of the longest tenant ID.
const maxID = 255

// Valid says why id cannot name a tenant, and returns nil when it can. An ID is
// 1 to 255 bytes of valid UTF-8, of printable characters only (see
// [unicode.IsPrint]), without U+FFFD. Spaces are allowed, but not as the first
// or last character.
func Valid(id string) error {
	switch {
	case id == "":
		return errors.New("tenant id is empty: use at least one character")
	case len(id) > maxID:
		return fmt.Errorf("tenant id is %d bytes long: use at most %d", len(id), maxID)
	case !utf8.ValidString(id):
		return fmt.Errorf("tenant id %q is not valid utf-8: encode it as utf-8", id)
	case id[0] == ' ' || id[len(id)-1] == ' ':
		return fmt.Errorf("tenant id %q begins or ends with a space: trim it", id)
	}
	for i, r := range id {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return fmt.Errorf("tenant id %q has the unprintable character %U at byte %d: remove it", id, r, i)
		}
	}
	return nil
}
