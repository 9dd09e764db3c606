package strategies

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// mysqlObjects reads the current database of a connection, with the registry left out. It
// asks for the text of each table: that has all there is, whatever the server's version,
// and was cheaper than information_schema, which opens each table once for each of its views.
func mysqlObjects(ctx context.Context, pool gorm.ConnPool) (tenancy.Objects, error) {
	objects := tenancy.Objects{}
	tables, err := texts(ctx, pool, "SHOW FULL TABLES")
	if err != nil {
		return nil, err
	}
	database, err := scalar[string](ctx, pool, "SELECT DATABASE()")
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		name, kind := table[0], table[1]
		if strings.EqualFold(name, registration{}.TableName()) {
			continue
		}
		text, err := texts(ctx, pool, "SHOW CREATE TABLE "+quoteMySQL(name))
		if err != nil {
			return nil, err
		}
		if len(text) != 1 || len(text[0]) < 2 { //nolint:mnd // the name and the text
			return nil, fmt.Errorf("the server does not show the table %q", name)
		}
		if kind == "BASE TABLE" {
			mysqlTable(objects, name, text[0][1])
		} else {
			objects[strings.ToLower(kind)+" "+name] = strings.ReplaceAll(text[0][1], quoteMySQL(database)+".", "")
		}
	}
	return objects, mysqlTriggers(ctx, pool, objects)
}

// mysqlTriggers adds the triggers that the role may see.
func mysqlTriggers(ctx context.Context, pool gorm.ConnPool, objects tenancy.Objects) error {
	triggers, err := texts(ctx, pool, `
		SELECT event_object_table, trigger_name, action_timing, event_manipulation, action_order, action_statement
		FROM information_schema.triggers WHERE trigger_schema = DATABASE()`)
	for _, cells := range triggers {
		objects["trigger "+cells[0]+"."+cells[1]] = strings.Join(cells[2:], " ")
	}
	return err
}

// mysqlTable takes the text of a table apart: one line for each column, index and
// constraint, and what follows the closing parenthesis.
func mysqlTable(objects tenancy.Objects, table, text string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = strings.TrimSuffix(strings.TrimSpace(line), ",")
		switch {
		case i == 0:
		case strings.HasPrefix(line, ")"):
			options := strings.Join(append([]string{strings.TrimPrefix(line, ")")}, lines[i+1:]...), " ")
			objects["table "+table] = strings.TrimSpace(counter.ReplaceAllString(withoutComments(options), ""))
			return
		default:
			kind, name := mysqlPart(line)
			objects[kind+" "+table+"."+name] = withoutComments(line)
		}
	}
}

// mysqlPart says what a line of a table's text is about.
func mysqlPart(line string) (kind, name string) {
	words, rest, named := strings.Cut(line, "`")
	if !named || strings.HasPrefix(words, "PRIMARY KEY") {
		return "index", "PRIMARY"
	}
	name, _, _ = strings.Cut(rest, "`")
	switch {
	case words == "":
		return "column", name
	case strings.HasPrefix(words, "CONSTRAINT"):
		return "constraint", name
	default: // KEY, UNIQUE KEY, FULLTEXT KEY, …
		return "index", name
	}
}

// counter is where a table's next number is in its options.
var counter = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// withoutComments leaves the comments out of a part of a table's text, and nothing that is
// quoted, however it looks.
func withoutComments(text string) string {
	var kept strings.Builder
	for text != "" {
		if rest, found := comment(text); found {
			text = rest
			continue
		}
		n := 1
		if text[0] == '\'' || text[0] == '`' || text[0] == '"' {
			n = quotedLength(text)
		}
		kept.WriteString(text[:n])
		text = text[n:]
	}
	return kept.String()
}

// comment cuts a comment off the beginning of a text.
func comment(text string) (rest string, found bool) {
	for _, word := range []string{" COMMENT '", " COMMENT='"} {
		if strings.HasPrefix(text, word) {
			literal := text[len(word)-1:]
			return literal[quotedLength(literal):], true
		}
	}
	return text, false
}

// quotedLength is the length of what is quoted at the beginning of a text. A quote within
// is doubled, or follows a backslash.
func quotedLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] != '`':
			i++
		case text[i] == text[0] && i+1 < len(text) && text[i+1] == text[0]:
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return len(text)
}

// texts reads all rows of a query as texts.
func texts(ctx context.Context, pool gorm.ConnPool, query string) (all [][]string, err error) {
	rows, err := pool.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func(cells ...string) { all = append(all, slices.Clone(cells)) })
	return all, err
}
