package names

const (
	// maxSlug is the length in bytes of the longest slug.
	maxSlug = 40
	// hashLen is the number of characters of the hash in a hashed name.
	hashLen = 16
)

// Slug reports whether s is a base as it stands, so that [Base] maps it to
// itself: it has the slug form, is not reserved, and does not look like a
// hashed name.
func Slug(s string) bool {
	return slugForm(s) && !hashedForm(s) && !Reserved(s)
}

// slugForm reports whether s is at most 40 bytes long and matches
// ^[a-z][a-z0-9]*(_[a-z0-9]+)*$.
func slugForm(s string) bool {
	if s == "" || len(s) > maxSlug || !isLower(s[0]) || s[len(s)-1] == '_' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case isLower(c) || isDigit(c):
		case c == '_' && s[i-1] != '_':
		default:
			return false
		}
	}
	return true
}

// hashedForm reports whether s ends the way hashed names do: with an underscore
// and exactly 16 characters of 0-9 and a-v.
func hashedForm(s string) bool {
	start := len(s) - hashLen
	if start < 1 || s[start-1] != '_' {
		return false
	}
	for i := start; i < len(s); i++ {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'v') {
			return false
		}
	}
	return true
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
