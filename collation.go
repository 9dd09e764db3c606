package tenancy

import (
	"reflect"
	"regexp"
	"strings"

	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
)

// exactText makes tenant columns that are the only wall, and what refers to them, tell
// every ID from every other. Under the collations that MySQL, MariaDB and SQL Server give
// to a column, acme, ACME and ácmé are equal. A type that names a character set or a
// collation itself stays as it is.
func (p *physical) exactText(s *schema.Schema) {
	if p.binding.Filter != FilterOnly || exactCollation(p.in.Dialect()) == "" {
		return
	}
	p.exact(s.LookUpField(p.in.column))
	for _, rel := range s.Relationships.Relations {
		for _, ref := range rel.References {
			if ref.PrimaryKey != nil && ref.PrimaryKey.DBName == p.in.column {
				p.exact(ref.ForeignKey)
			}
		}
	}
}

func (p *physical) exact(field *schema.Field) {
	if field == nil {
		return
	}
	if kind := strings.ToLower(p.typeOf(field)); plainTextType.MatchString(kind) {
		field.DataType = schema.DataType(kind + exactCollation(p.in.Dialect()))
		field.IndirectFieldType = reflect.TypeFor[string]() // a Go type that says its own is not asked again
	}
}

// typeOf is the type that GORM's migrator gives a column: what its Go type says, or the dialect.
func (p *physical) typeOf(field *schema.Field) string {
	own := *field // MySQL's dialect writes to it
	if says, ok := reflect.TypeAssert[migrator.GormDataTypeInterface](reflect.New(own.IndirectFieldType)); ok {
		if kind := says.GormDBDataType(p.db, &own); kind != "" {
			return kind
		}
	}
	return p.in.dialect.DataTypeOf(&own)
}

var plainTextType = regexp.MustCompile(`^n?(var)?char *\([0-9a-z]+\)$|^(tiny|medium|long)?text$`)

func exactCollation(dialect string) string {
	switch dialect {
	case "mysql":
		return " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	case "sqlserver":
		return " COLLATE Latin1_General_100_BIN2"
	default:
		return ""
	}
}
