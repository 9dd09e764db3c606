package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"

	"gorm.io/gorm/schema"

	"github.com/gormtenancy/tenancy"
)

// versionOf names a state of models: what GORM parses of them, and what else decides
// about their tables. Equal versions ask for equal structures.
func versionOf(in *tenancy.Installation, schemas []*schema.Schema) string {
	sum := sha256.New()
	db := in.DB()
	migrator := in.Dialector().Migrator(db)
	note(sum, "settings", in.Strategy(), in.Dialect(), in.Column(),
		db.DisableForeignKeyConstraintWhenMigrating, db.IgnoreRelationshipsWhenMigrating)
	for _, s := range schemas {
		note(sum, "table", s.Table)
		for _, f := range s.Fields {
			if f.DBName != "" {
				own := *f // MySQL's dialect writes to the field that it is asked about
				note(sum, "column", f.DBName, migrator.FullDataTypeOf(&own).SQL, f.NotNull, f.Unique, f.PrimaryKey, f.AutoIncrement,
					f.HasDefaultValue, f.DefaultValue, f.Comment, f.IgnoreMigration, sorted(f.TagSettings))
			}
		}
		for _, index := range s.ParseIndexes() {
			note(sum, "index", index.Name, index.Class, index.Type, index.Where, index.Option)
			for _, f := range index.Fields {
				note(sum, "of", f.DBName, f.Expression, f.Sort, f.Collate, f.Length)
			}
		}
		checks := s.ParseCheckConstraints()
		for _, name := range slices.Sorted(maps.Keys(checks)) {
			note(sum, "check", name, checks[name].Constraint)
		}
		for _, name := range slices.Sorted(maps.Keys(s.Relationships.Relations)) {
			if c := s.Relationships.Relations[name].ParseConstraint(); c != nil {
				note(sum, "constraint", c.Name, c.Schema.Table, c.ReferenceSchema.Table, c.OnDelete, c.OnUpdate)
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:versionLength]
}

const versionLength = 32

// note writes values down so that no two lists of them are written alike.
func note(sum hash.Hash, values ...any) {
	for _, v := range values {
		_, _ = fmt.Fprintf(sum, "%q,", fmt.Sprint(v))
	}
	_, _ = fmt.Fprintln(sum)
}

func sorted(settings map[string]string) []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		list = append(list, key, settings[key])
	}
	return list
}
