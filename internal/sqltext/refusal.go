// Package sqltext looks at SQL text before it goes to the database.
//
// It finds the places of a statement where a table is named, so that the
// names can be replaced (Rewriter) or checked to be narrowed by a column
// (Scoped). It reads tokens, not patterns, and it is safe by refusal: a text
// that dialects read differently, or that is not understood as a whole, is
// answered with a *Refusal.
package sqltext

import "strings"

// Refusal says why a text could not be handled with certainty.
type Refusal struct {
	// Reason is the cause, in lower case.
	Reason string
	// Near is the part of the text where it was found, cut when long. It is
	// empty at the end of the text.
	Near string
}

// Error returns the reason and the place.
func (r *Refusal) Error() string {
	if r.Near == "" {
		return r.Reason
	}
	return r.Reason + ` near "` + r.Near + `"`
}

// fault is a cause of refusal.
type fault uint8

const (
	noFault fault = iota
	faultStatement
	faultEmpty
	faultSeveral
	faultUnexpected
	faultDeep
	faultZero
	faultByte
	faultString
	faultQuote
	faultComment
	faultNested
	faultExecutable
	faultDash
	faultReturn
	faultHash
	faultBackslash
	faultDollar
	faultNumber
	faultParameter
	faultAssignment
	faultBracket
	faultBracketText
	faultFunction
	faultTableFunction
	faultFrom
	faultIn
	faultInto
	faultTable
	faultCase
	faultUnknown
	faultQualified
	faultCommon
	faultSpelling
	faultTarget
	faultPartition
	faultJoinAlias
	faultScope
	faultAlias
	faultColumns
	faultSetup
)

var reasons = [...]string{
	faultStatement:     "statement is not handled",
	faultEmpty:         "empty statement",
	faultSeveral:       "several statements",
	faultUnexpected:    "not understood",
	faultDeep:          "nested too deeply",
	faultZero:          "zero byte",
	faultByte:          "unknown character",
	faultString:        "unterminated string",
	faultQuote:         "unterminated quoted name",
	faultComment:       "unterminated comment",
	faultNested:        "nested comment",
	faultExecutable:    "executable comment",
	faultDash:          "two dashes that not every dialect reads as a comment",
	faultReturn:        "carriage return inside a line comment",
	faultHash:          "# is a comment in one dialect and an operator in another",
	faultBackslash:     "backslash before a quote",
	faultDollar:        "dollar quotes that not every dialect reads as a string",
	faultNumber:        "malformed number",
	faultParameter:     "malformed parameter",
	faultAssignment:    "assignment to a variable",
	faultBracket:       "unbalanced bracket",
	faultBracketText:   "quoted ] inside brackets",
	faultFunction:      "function is not allowed",
	faultTableFunction: "table used as a function",
	faultFrom:          "from outside of a query",
	faultIn:            "in without a list in parentheses",
	faultInto:          "select into",
	faultTable:         "table statement",
	faultCase:          "unbalanced case",
	faultUnknown:       "unknown table",
	faultQualified:     "qualified name of a table",
	faultCommon:        "common table expression named like a table",
	faultSpelling:      "common table expression spelled in two ways",
	faultTarget:        "common table expression as a target",
	faultPartition:     "partition or sample of a table",
	faultJoinAlias:     "alias of a join in parentheses",
	faultScope:         "table is not narrowed to its tenant",
	faultAlias:         "alias used twice",
	faultColumns:       "table with renamed columns",
	faultSetup:         "functions or column are missing",
}

// maxNear is the length at which the text near a fault is cut.
const maxNear = 40

// refusal returns the refusal of a text for a fault found in start to end.
func refusal(src string, f fault, start, end int) *Refusal {
	near := strings.ToValidUTF8(src[start:min(end, start+maxNear)], "?")
	reason := reasons[f]
	if f == faultStatement {
		reason = strings.ToLower(near) + " " + reason
	}
	return &Refusal{Reason: reason, Near: strings.Clone(near)}
}
