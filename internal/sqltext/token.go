package sqltext

import "strings"

// kind is the kind of a token.
type kind uint8

const (
	kindEnd         kind = iota // the end of the text
	kindBad                     // a place that cannot be read, see scanner.fault
	kindWord                    // a bare word: a keyword or a name
	kindQuoted                  // a quoted name: "x", `x` or [x]
	kindString                  // a string literal
	kindNumber                  // a number
	kindPlaceholder             // ?, ?1, $1, :name or @name
	kindPunct                   // one character of punctuation, or ::
)

// token is one token of a text, as a place in it.
type token struct {
	kind       kind
	key        keyword // of a word
	char       byte    // of punctuation
	start, end int
}

// isName reports whether the token can be a name where one is expected.
func (t token) isName() bool {
	return t.kind == kindQuoted || t.kind == kindWord && t.key == noKey
}

// scanner reads the tokens of a text one by one. A copy of a scanner reads on
// from the same place, which is how a walk looks ahead.
type scanner struct {
	src      string
	pos      int
	brackets int   // brackets open at pos
	marks    int   // placeholders before pos
	comment  bool  // a comment was passed
	fault    fault // why the last token was bad
}

// byteOrderMark is white space in one dialect and a letter in others.
const byteOrderMark = "\ufeff"

// hasZero reports whether a text holds a zero byte, where some databases stop.
func hasZero(src string) bool { return strings.IndexByte(src, 0) >= 0 }

// wordByte tells the bytes a word consists of.
var wordByte = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= 0x80 || c == '_' || c == '$' || isDigit(byte(c)) ||
			'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	return table
}()

// startsToken tells the bytes that neither white space nor a comment begins with.
var startsToken = func() (table [256]bool) {
	for c := range table {
		table[c] = !isBlank(byte(c)) && c != '-' && c != '/'
	}
	return table
}()

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isBlank(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

// next returns the next token.
func (s *scanner) next() (t token) {
	s.read(&t)
	return t
}

// read reads the next token into t. It stays before a bad one.
func (s *scanner) read(t *token) {
	f := noFault
	if s.pos < len(s.src) && !startsToken[s.src[s.pos]] {
		f = s.skipBlank()
	}
	start, end := s.pos, s.pos
	k, key, char := kindEnd, noKey, byte(0)
	switch {
	case f != noFault:
		k, end = s.bad(f)
	case start < len(s.src):
		k, end = s.readKind(s.src[start])
	case s.brackets > 0:
		k, end = s.bad(faultBracket)
	}
	switch k {
	case kindWord:
		key = keywordOf(s.src[start:end])
	case kindPunct:
		char = s.src[start]
	case kindPlaceholder:
		s.marks++
	}
	if k != kindBad {
		s.pos = end
	}
	t.kind, t.key, t.char, t.start, t.end = k, key, char, start, end
}

// readKind returns the kind and the end of the token that begins with c.
func (s *scanner) readKind(c byte) (k kind, end int) {
	switch c {
	case '$':
		return s.dollar()
	case '\'':
		return s.quoted(kindString, c)
	case '"', '`':
		return s.quoted(kindQuoted, c)
	case '[':
		return s.bracket()
	case '?':
		return kindPlaceholder, s.digits(s.pos + 1)
	case ':':
		return s.colon()
	case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number()
	case '.':
		if isDigit(s.at(s.pos + 1)) {
			return s.number()
		}
	case '@':
		if wordByte[s.at(s.pos+1)] {
			return s.parameter()
		}
	}
	if wordByte[c] {
		return s.word()
	}
	return s.punct(c)
}

// at returns the byte at a place, or zero after the end.
func (s *scanner) at(i int) byte {
	if i < len(s.src) {
		return s.src[i]
	}
	return 0
}

// bad records why the token at the scanner's place is bad.
func (s *scanner) bad(f fault) (k kind, end int) {
	s.fault = f
	return kindBad, len(s.src)
}

// word reads a word, or a string that a lone E introduces.
func (s *scanner) word() (k kind, end int) {
	if s.src[s.pos] == byteOrderMark[0] && strings.HasPrefix(s.src[s.pos:], byteOrderMark) {
		return s.bad(faultByte)
	}
	end = s.pos + 1
	for end < len(s.src) && wordByte[s.src[end]] {
		end++
	}
	if end == s.pos+1 && lower(s.src[s.pos]) == 'e' && s.at(end) == '\'' {
		return s.escaped()
	}
	return kindWord, end
}

// quoted reads a string or a name in quotes, in which the quote is doubled.
// A backslash before a quote escapes it in some dialects only.
func (s *scanner) quoted(k kind, quote byte) (kind, int) {
	for i := s.pos + 1; i < len(s.src); i++ {
		if s.src[i] != quote {
			continue
		}
		if quote != '`' && s.src[i-1] == '\\' {
			return s.bad(faultBackslash)
		}
		if s.at(i+1) != quote {
			return s.closed(k, i+1)
		}
		i++
	}
	if k == kindString {
		return s.bad(faultString)
	}
	return s.bad(faultQuote)
}

// escaped reads a string E'…' with backslash escapes. It is refused where the
// escapes hide a quote, since other dialects end the string there.
func (s *scanner) escaped() (k kind, end int) {
	for i := s.pos + 2; i < len(s.src); i++ {
		switch s.src[i] {
		case '\\':
			if s.at(i+1) == '\'' {
				return s.bad(faultBackslash)
			}
			i++
		case '\'':
			if s.at(i+1) != '\'' {
				return s.closed(kindString, i+1)
			}
			i++
		}
	}
	return s.bad(faultString)
}

// closed takes a quoted token up to end. Inside brackets it must not hold a
// closing bracket: where brackets quote a name, the name would end there.
func (s *scanner) closed(k kind, end int) (kind, int) {
	if s.brackets > 0 && strings.IndexByte(s.src[s.pos:end], ']') >= 0 {
		return s.bad(faultBracketText)
	}
	return k, end
}

// bracket reads [name] as a quoted name, which is also right for the
// subscript of an array, and any other opening bracket as punctuation.
func (s *scanner) bracket() (k kind, end int) {
	end = s.pos + 1
	for wordByte[s.at(end)] || s.at(end) == ' ' {
		end++
	}
	if s.at(end) == ']' && end > s.pos+1 {
		return kindQuoted, end + 1
	}
	s.brackets++
	return s.punct('[')
}

// punct reads one character of punctuation.
func (s *scanner) punct(c byte) (k kind, end int) {
	switch c {
	case '!', '%', '&', '(', ')', '*', '+', ',', '-', '.', '/', ':', ';',
		'<', '=', '>', '@', '[', '^', '|', '~':
	case ']':
		if s.brackets == 0 {
			return s.bad(faultBracket)
		}
		s.brackets--
	case '#':
		return s.bad(faultHash)
	case 0:
		return s.bad(faultZero)
	default:
		return s.bad(faultByte)
	}
	return kindPunct, s.pos + 1
}
