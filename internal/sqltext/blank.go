package sqltext

import "strings"

// skipBlank moves over white space and comments.
func (s *scanner) skipBlank() fault {
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		var end int
		var f fault
		switch {
		case isBlank(c):
			s.pos++
			continue
		case c == '-' && s.at(s.pos+1) == '-':
			end, f = s.lineComment()
		case c == '/' && s.at(s.pos+1) == '*':
			end, f = s.blockComment()
		default:
			return noFault
		}
		if f != noFault {
			return f
		}
		if s.brackets > 0 && strings.IndexByte(s.src[s.pos:end], ']') >= 0 {
			return faultBracketText
		}
		s.comment = true
		s.pos = end
	}
	return noFault
}

// lineComment returns the end of a comment that begins with two dashes. Not
// every dialect reads it as one when no blank follows the dashes, and not
// every dialect goes on after a carriage return.
func (s *scanner) lineComment() (end int, f fault) {
	start := s.pos + 2
	if start < len(s.src) && !isBlank(s.src[start]) {
		return 0, faultDash
	}
	end = len(s.src)
	if n := strings.IndexByte(s.src[start:], '\n'); n >= 0 {
		end = start + n
	}
	if r := strings.IndexByte(s.src[start:end], '\r'); r >= 0 && start+r < end-1 {
		return 0, faultReturn
	}
	return end, noFault
}

// blockComment returns the end of a comment /* … */. One that a dialect
// executes, and one with another inside, is refused.
func (s *scanner) blockComment() (end int, f fault) {
	body := s.src[s.pos+2:]
	n := strings.Index(body, "*/")
	if n < 0 {
		return 0, faultComment
	}
	if hasPrefixFold(body, "!") || hasPrefixFold(body, "m!") {
		return 0, faultExecutable
	}
	if strings.Contains(body[:n+1], "/*") {
		return 0, faultNested
	}
	return s.pos + 2 + n + 2, noFault
}
