package sqltext

// keyword is a word that the walk of a statement turns on. Only words that
// cannot be the bare name of a table or its alias are keywords here; other
// words with a meaning in one place are compared where they are expected.
type keyword uint8

const (
	noKey keyword = iota
	keyAnd
	keyAs
	keyBetween
	keyCase
	keyCross
	keyDefault
	keyDelete
	keyDistinct
	keyDo
	keyElse
	keyEnd
	keyExcept
	keyFetch
	keyFor
	keyForce
	keyFrom
	keyFull
	keyGroup
	keyHaving
	keyIgnore
	keyIn
	keyIndexed
	keyInner
	keyInsert
	keyIntersect
	keyInto
	keyIs
	keyJoin
	keyLeft
	keyLimit
	keyLock
	keyNatural
	keyNot
	keyOffset
	keyOn
	keyOr
	keyOrder
	keyOuter
	keyPartition
	keyReplace
	keyReturning
	keyRight
	keySelect
	keySet
	keyStraightJoin
	keyTable
	keyTableSample
	keyThen
	keyUnion
	keyUpdate
	keyUse
	keyUsing
	keyValues
	keyWhen
	keyWhere
	keyWindow
	keyWith
	keyXor
)

// maxKeyword is the length of the longest keyword, STRAIGHT_JOIN.
const maxKeyword = 13

// keywordOf returns the keyword that a word is, in any case.
func keywordOf(word string) keyword {
	if len(word) < 2 || len(word) > maxKeyword {
		return noKey
	}
	var low [maxKeyword]byte
	for i := range len(word) {
		low[i] = lower(word[i])
	}
	switch string(low[:len(word)]) {
	case "and":
		return keyAnd
	case "as":
		return keyAs
	case "between":
		return keyBetween
	case "case":
		return keyCase
	case "cross":
		return keyCross
	case "default":
		return keyDefault
	case "delete":
		return keyDelete
	case "distinct":
		return keyDistinct
	case "do":
		return keyDo
	case "else":
		return keyElse
	case "end":
		return keyEnd
	case "except":
		return keyExcept
	case "fetch":
		return keyFetch
	case "for":
		return keyFor
	case "force":
		return keyForce
	case "from":
		return keyFrom
	case "full":
		return keyFull
	case "group":
		return keyGroup
	case "having":
		return keyHaving
	case "ignore":
		return keyIgnore
	case "in":
		return keyIn
	case "indexed":
		return keyIndexed
	case "inner":
		return keyInner
	case "insert":
		return keyInsert
	case "intersect":
		return keyIntersect
	case "into":
		return keyInto
	case "is":
		return keyIs
	case "join":
		return keyJoin
	case "left":
		return keyLeft
	case "limit":
		return keyLimit
	case "lock":
		return keyLock
	case "natural":
		return keyNatural
	case "not":
		return keyNot
	case "offset":
		return keyOffset
	case "on":
		return keyOn
	case "or":
		return keyOr
	case "order":
		return keyOrder
	case "outer":
		return keyOuter
	case "partition":
		return keyPartition
	case "replace":
		return keyReplace
	case "returning":
		return keyReturning
	case "right":
		return keyRight
	case "select":
		return keySelect
	case "set":
		return keySet
	case "straight_join":
		return keyStraightJoin
	case "table":
		return keyTable
	case "tablesample":
		return keyTableSample
	case "then":
		return keyThen
	case "union":
		return keyUnion
	case "update":
		return keyUpdate
	case "use":
		return keyUse
	case "using":
		return keyUsing
	case "values":
		return keyValues
	case "when":
		return keyWhen
	case "where":
		return keyWhere
	case "window":
		return keyWindow
	case "with":
		return keyWith
	case "xor":
		return keyXor
	}
	return noKey
}

// lower returns an ASCII letter in lower case and any other byte as it is.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// equalFold compares two texts without regard to the case of ASCII letters.
// Other letters are compared as they are, since databases differ in them.
func equalFold(a, b string) bool {
	return len(a) == len(b) && hasPrefixFold(a, b)
}

// hasPrefixFold reports whether s begins with prefix in any case.
func hasPrefixFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != lower(prefix[i]) {
			return false
		}
	}
	return true
}
