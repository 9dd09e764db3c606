package sqltext

import "strings"

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
