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

// dollar reads $1, $name, or a string in dollar quotes.
func (s *scanner) dollar() (k kind, end int) {
	end = s.pos + 1
	for end < len(s.src) && wordByte[s.src[end]] && s.src[end] != '$' {
		end++
	}
	tag := s.src[s.pos+1 : end]
	if s.at(end) != '$' {
		numbered := tag != "" && isDigit(tag[0])
		if tag == "" || s.at(end) == '(' || numbered && strings.Trim(tag, "0123456789") != "" {
			return s.bad(faultParameter)
		}
		return kindPlaceholder, end
	}
	if tag != "" && isDigit(tag[0]) {
		return s.bad(faultParameter)
	}
	quote := s.src[s.pos : end+1]
	n := strings.Index(s.src[end+1:], quote)
	if n < 0 {
		return s.bad(faultString)
	}
	if !inert(s.src[end+1 : end+1+n]) {
		return s.bad(faultDollar)
	}
	return s.closed(kindString, end+1+n+len(quote))
}

// inert reports whether the content of a dollar-quoted string means nothing
// in a dialect that does not know dollar quotes: words that are no keywords,
// and numbers.
func inert(content string) bool {
	s := scanner{src: content}
	for {
		switch t := s.next(); t.kind {
		case kindEnd:
			return !s.comment
		case kindWord:
			if t.key != noKey {
				return false
			}
		case kindNumber:
		default:
			return false
		}
	}
}

// number reads a number: 1, 1.5, .5, 1e9, 0x1f. A number that runs into a
// word is read in different ways and is refused.
func (s *scanner) number() (k kind, end int) {
	end = s.pos
	if s.src[end] == '0' && lower(s.at(end+1)) == 'x' {
		end += 2
		for isDigit(s.at(end)) || 'a' <= lower(s.at(end)) && lower(s.at(end)) <= 'f' {
			end++
		}
	} else {
		end = s.digits(end)
		if s.at(end) == '.' {
			end = s.digits(end + 1)
		}
		if lower(s.at(end)) == 'e' {
			exponent := end + 1
			if c := s.at(exponent); c == '+' || c == '-' {
				exponent++
			}
			if isDigit(s.at(exponent)) {
				end = s.digits(exponent)
			}
		}
	}
	if wordByte[s.at(end)] {
		return s.bad(faultNumber)
	}
	return kindNumber, end
}

// digits returns the place after the digits at i.
func (s *scanner) digits(i int) int {
	for isDigit(s.at(i)) {
		i++
	}
	return i
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

// parameter reads :name or @name.
func (s *scanner) parameter() (k kind, end int) {
	end = s.pos + 1
	for wordByte[s.at(end)] {
		end++
	}
	if s.at(end) == '(' {
		return s.bad(faultParameter)
	}
	return kindPlaceholder, end
}

// colon reads :name, the cast ::, or a lone colon.
func (s *scanner) colon() (k kind, end int) {
	switch c := s.at(s.pos + 1); {
	case c == ':':
		return kindPunct, s.pos + 2
	case c == '=':
		return s.bad(faultAssignment)
	case wordByte[c]:
		return s.parameter()
	}
	return s.punct(':')
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
