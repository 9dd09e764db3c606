package migrate

import (
	"slices"
	"testing"
)

// TestChangedTables: where statements do more than change tables that they name, or it is not
// known, none is named.
func TestChangedTables(t *testing.T) {
	for _, c := range []struct {
		statements []string
		tables     []string
	}{
		{[]string{`ALTER TABLE "users" ADD "age" bigint`}, []string{"users"}},
		{[]string{`ALTER TABLE "users" ALTER COLUMN "name" TYPE varchar(150) USING "name"::varchar(150)`}, []string{"users"}},
		{[]string{`CREATE INDEX IF NOT EXISTS "idx_users_age" ON "users" ("age")`}, []string{"users"}},
		{[]string{`CREATE UNIQUE INDEX "a ""b" ON "c ""d"("e")`}, []string{`c "d`}},
		{[]string{`alter table Users add age int`, `ALTER TABLE "users" ADD "b" int`, "\n create index i on orders (n)"}, []string{"users", "orders"}},
		{nil, nil},
		{[]string{`ALTER TABLE "a" ADD "b" int`, `DROP INDEX "i"`}, nil},
		{[]string{`CREATE TABLE "users" ("id" bigint)`}, nil},
		{[]string{`ALTER TABLE "a" ADD "b" int; DROP TABLE "c"`}, nil},
		{[]string{`ALTER TABLE "a" ADD "b" bigserial`}, nil},
		{[]string{`ALTER TABLE "a" ADD "b" int GENERATED ALWAYS AS IDENTITY`}, nil},
		{[]string{`ALTER TABLE "a" ADD CONSTRAINT "f" FOREIGN KEY ("b") REFERENCES "c"("id")`}, nil},
		{[]string{`ALTER TABLE "a" RENAME TO "b"`}, nil},
		{[]string{`ALTER TABLE "a" INHERIT "b"`}, nil},
		{[]string{`ALTER TABLE "a" ATTACH PARTITION "b" DEFAULT`}, nil},
		{[]string{`ALTER TABLE "a" SET SCHEMA "b"`}, nil},
		{[]string{`ALTER TABLE "public"."a" ADD "b" int`}, nil},
		{[]string{`CREATE INDEX ON "a" ("b")`}, nil},
	} {
		if got := changedTables(c.statements); !slices.Equal(got, c.tables) {
			t.Errorf("%q change %q, not %q", c.statements, got, c.tables)
		}
	}
}
