package versioned

import "strings"

// word is a word of SQL as PostgreSQL reads it, a quoted name, a literal, or one
// character of punctuation.
type word struct {
	text  string // without quotes
	quote byte   // 0: none
}

// name is the word as a name: without quotes, in lower case.
func (w word) name() string {
	if w.quote != 0 {
		return w.text
	}
	return strings.ToLower(w.text)
}

// wordsOf reads a text to its end, whatever it is. The bodies of functions are read as
// what they are: more SQL, and so is what they may EXECUTE. Comments are
// left out.
func wordsOf(src string) []word {
	var words []word
	read(&words, src, false)
	return words
}

// read adds the words of a text, of a function's body if body is set.
func read(words *[]word, src string, body bool) {
	literal := func(w word) {
		*words = append(*words, w)
		if body && w.quote == '\'' {
			*words = append(*words, word{text: ";"})
			read(words, w.text, false)
		}
	}
	for src != "" {
		switch c := src[0]; {
		case strings.HasPrefix(src, "--"):
			_, src, _ = strings.Cut(src, "\n")
		case strings.HasPrefix(src, "/*"):
			src = afterComment(src)
		case c == '\'' || c == '"':
			var w word
			w, src = quotedWord(src)
			literal(w)
		case c == '$':
			inside, rest, ok := dollarBody(src)
			if !ok {
				inside, rest = "", src[1:]
			}
			read(words, inside, true)
			src = rest
		case letter(c):
			end := 1
			for end < len(src) && (letter(src[end]) || src[end] == '$' || '0' <= src[end] && src[end] <= '9') {
				end++
			}
			if end < len(src) && src[end] == '\'' && strings.EqualFold(src[:end], "e") {
				var w word
				w, src = escapedString(src[end:])
				literal(w)
				continue
			}
			*words, src = append(*words, word{text: src[:end]}), src[end:]
		case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
			src = src[1:]
		default:
			*words, src = append(*words, word{text: src[:1]}), src[1:]
		}
	}
}

func letter(c byte) bool {
	return c == '_' || c >= 0x80 || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// afterComment skips a comment, and those inside it.
func afterComment(src string) string {
	depth := 0
	for i := 0; i+1 < len(src); {
		switch src[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			if depth--; depth == 0 {
				return src[i+2:]
			}
			i += 2
		default:
			i++
		}
	}
	return ""
}

// quotedWord reads a quoted name or a literal, in which two quotes are one.
func quotedWord(src string) (word, string) {
	quote := src[0]
	var b strings.Builder
	for i := 1; i < len(src); i++ {
		if src[i] == quote {
			if i+1 == len(src) || src[i+1] != quote {
				return word{text: b.String(), quote: quote}, src[i+1:]
			}
			i++
		}
		b.WriteByte(src[i])
	}
	return word{text: b.String(), quote: quote}, ""
}

// escapedString reads a literal in which a backslash hides what follows.
func escapedString(src string) (word, string) {
	var b strings.Builder
	for i := 1; i < len(src); i++ {
		switch {
		case src[i] == '\\' && i+1 < len(src):
			i++
		case src[i] == '\'':
			return word{text: b.String(), quote: '\''}, src[i+1:]
		}
		b.WriteByte(src[i])
	}
	return word{text: b.String(), quote: '\''}, ""
}

// dollarBody reads $$…$$ and $tag$…$tag$.
func dollarBody(src string) (body, rest string, ok bool) {
	end := strings.IndexByte(src[1:], '$')
	if end < 0 {
		return "", "", false
	}
	tag := src[:end+2]
	for i := 1; i < len(tag)-1; i++ {
		if c := tag[i]; !letter(c) && (i == 1 || c < '0' || c > '9') {
			return "", "", false
		}
	}
	body, rest, _ = strings.Cut(src[len(tag):], tag)
	return body, rest, true
}
