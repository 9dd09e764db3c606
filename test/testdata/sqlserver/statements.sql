-- find
SELECT * FROM "tenant_acme"."authors" AS "authors"

-- find with OR
SELECT * FROM "tenant_acme"."posts" AS "posts" WHERE ((title = @p1 OR title = @p2) AND "posts"."deleted_at" IS NULL) AND "posts"."tenant_id" = @p3 ORDER BY title DESC OFFSET 4 ROWS FETCH NEXT 2 ROWS ONLY
  -- @p1 = a
  -- @p2 = b
  -- @p3 = acme

-- first
SELECT * FROM "tenant_acme"."posts" AS "posts" WHERE "posts"."id" = @p1 AND "posts"."deleted_at" IS NULL AND "posts"."tenant_id" = @p2 ORDER BY "posts"."id" OFFSET 0 ROW FETCH NEXT 1 ROWS ONLY
  -- @p1 = 1
  -- @p2 = acme

-- count
SELECT count(*) FROM "tenant_acme"."authors" AS "authors" WHERE name <> @p1
  -- @p1 = 

-- pluck, group
SELECT "author_id" FROM "tenant_acme"."posts" AS "posts" WHERE "posts"."deleted_at" IS NULL AND "posts"."tenant_id" = @p1 GROUP BY "author_id" HAVING count(*) > @p2
  -- @p1 = acme
  -- @p2 = 1

-- row
SELECT "id" FROM "tenant_acme"."authors" AS "authors" WHERE id = @p1
  -- @p1 = 1

-- table with a map
SELECT * FROM "tenant_acme"."authors" AS "authors"

-- table with an alias
SELECT * FROM "tenant_acme"."authors" AS "a" WHERE a.id > @p1
  -- @p1 = 0

-- join of a relation
SELECT "posts"."id","posts"."tenant_id","posts"."author_id","posts"."title","posts"."deleted_at","Author"."id" AS "Author__id","Author"."name" AS "Author__name","Author"."plan_id" AS "Author__plan_id" FROM "tenant_acme"."posts" AS "posts" LEFT JOIN "tenant_acme"."authors" "Author" ON "posts"."author_id" = "Author"."id" WHERE "posts"."deleted_at" IS NULL AND "posts"."tenant_id" = @p1
  -- @p1 = acme

-- join of a shared model
SELECT "authors"."id","authors"."name","authors"."plan_id","Plan"."id" AS "Plan__id","Plan"."name" AS "Plan__name" FROM "tenant_acme"."authors" AS "authors" LEFT JOIN "dbo"."plans" "Plan" ON "authors"."plan_id" = "Plan"."id"

-- preload
SELECT * FROM "tenant_acme"."authors" AS "authors"
SELECT * FROM "tenant_acme"."author_labels" AS "author_labels" WHERE "author_labels"."author_id" = @p1
  -- @p1 = 1
SELECT * FROM "tenant_acme"."labels" AS "labels" WHERE "labels"."code" = @p1
  -- @p1 = go
SELECT * FROM "dbo"."plans" AS "plans" WHERE "plans"."id" = @p1
  -- @p1 = 1
SELECT * FROM "tenant_acme"."posts" AS "posts" WHERE "posts"."author_id" = @p1 AND "posts"."deleted_at" IS NULL AND "posts"."tenant_id" = @p2
  -- @p1 = 1
  -- @p2 = acme

-- subquery
SELECT * FROM "tenant_acme"."authors" AS "authors" WHERE id IN (SELECT "author_id" FROM "tenant_acme"."posts" AS "posts" WHERE (title LIKE @p1 AND "posts"."deleted_at" IS NULL) AND "posts"."tenant_id" = @p2)
  -- @p1 = %x%
  -- @p2 = acme

-- unscoped
SELECT * FROM "tenant_acme"."posts" AS "posts" WHERE "posts"."tenant_id" = @p1
  -- @p1 = acme

-- create
INSERT INTO "tenant_acme"."authors" ("name","plan_id") OUTPUT INSERTED."id" VALUES (@p1,@p2);
  -- @p1 = Ann
  -- @p2 = <nil>
COMMIT

-- create with a key
SET IDENTITY_INSERT "tenant_acme"."authors" ON;INSERT INTO "tenant_acme"."authors" ("name","plan_id","id") OUTPUT INSERTED."id" VALUES (@p1,@p2,@p3);SET IDENTITY_INSERT "tenant_acme"."authors" OFF;
  -- @p1 = Ann
  -- @p2 = <nil>
  -- @p3 = 5
COMMIT

-- create several
INSERT INTO "tenant_acme"."posts" ("tenant_id","author_id","title","deleted_at") OUTPUT INSERTED."id" VALUES (@p1,@p2,@p3,@p4),(@p5,@p6,@p7,@p8);
  -- @p1 = acme
  -- @p2 = 1
  -- @p3 = a
  -- @p4 = <nil>
  -- @p5 = acme
  -- @p6 = 1
  -- @p7 = b
  -- @p8 = <nil>
COMMIT

-- create from a map
INSERT INTO "tenant_acme"."posts" ("author_id","tenant_id","title") OUTPUT INSERTED."id" VALUES (@p1,@p2,@p3);
  -- @p1 = 1
  -- @p2 = acme
  -- @p3 = m
COMMIT

-- create some columns
INSERT INTO "tenant_acme"."posts" ("tenant_id","title") OUTPUT INSERTED."id" VALUES (@p1,@p2);
  -- @p1 = acme
  -- @p2 = s
COMMIT

-- create without the tenant
INSERT INTO "tenant_acme"."posts" ("tenant_id","author_id","title","deleted_at") OUTPUT INSERTED."id" VALUES (@p1,@p2,@p3,@p4);
  -- @p1 = acme
  -- @p2 = 0
  -- @p3 = o
  -- @p4 = <nil>
COMMIT

-- create with an expression
INSERT INTO "tenant_acme"."labels" ("code","name") VALUES (@p1,UPPER(@p2));
  -- @p1 = x
  -- @p2 = x
COMMIT

-- create with relations
INSERT INTO "tenant_acme"."authors" ("name","plan_id") OUTPUT INSERTED."id" VALUES (@p1,@p2);
  -- @p1 = Bob
  -- @p2 = <nil>
INSERT INTO "tenant_acme"."posts" ("tenant_id","author_id","title","deleted_at") OUTPUT INSERTED."id" VALUES (@p1,@p2,@p3,@p4);
  -- @p1 = acme
  -- @p2 = 7
  -- @p3 = p
  -- @p4 = <nil>
MERGE INTO "tenant_acme"."labels" USING (VALUES(@p1,@p2)) AS excluded ("code","name") ON "tenant_acme"."labels"."code" = "excluded"."code" WHEN NOT MATCHED THEN INSERT ("code","name") VALUES ("excluded"."code","excluded"."name");
  -- @p1 = go
  -- @p2 = Go
MERGE INTO "tenant_acme"."author_labels" USING (VALUES(@p1,@p2)) AS excluded ("author_id","label_code") ON "tenant_acme"."author_labels"."author_id" = "excluded"."author_id" AND "tenant_acme"."author_labels"."label_code" = "excluded"."label_code" WHEN NOT MATCHED THEN INSERT ("author_id","label_code") VALUES ("excluded"."author_id","excluded"."label_code");
  -- @p1 = 7
  -- @p2 = go
COMMIT

-- upsert nothing
MERGE INTO "tenant_acme"."labels" USING (VALUES(@p1,@p2)) AS excluded ("code","name") ON "tenant_acme"."labels"."code" = "excluded"."code" WHEN NOT MATCHED THEN INSERT ("code","name") VALUES ("excluded"."code","excluded"."name");
  -- @p1 = go
  -- @p2 = Go
COMMIT

-- upsert all
MERGE INTO "tenant_acme"."posts" USING (VALUES(@p1,@p2,@p3,@p4,@p5)) AS excluded ("tenant_id","author_id","title","deleted_at","id") ON "tenant_acme"."posts"."id" = "excluded"."id" WHEN MATCHED THEN UPDATE SET "author_id"=CASE WHEN "tenant_acme"."posts"."tenant_id" = "excluded"."tenant_id" THEN "excluded"."author_id" ELSE "tenant_acme"."posts"."author_id" END,"title"=CASE WHEN "tenant_acme"."posts"."tenant_id" = "excluded"."tenant_id" THEN "excluded"."title" ELSE "tenant_acme"."posts"."title" END,"deleted_at"=CASE WHEN "tenant_acme"."posts"."tenant_id" = "excluded"."tenant_id" THEN "excluded"."deleted_at" ELSE "tenant_acme"."posts"."deleted_at" END WHEN NOT MATCHED THEN INSERT ("tenant_id","author_id","title","deleted_at") VALUES ("excluded"."tenant_id","excluded"."author_id","excluded"."title","excluded"."deleted_at") OUTPUT INSERTED."id";
  -- @p1 = acme
  -- @p2 = 1
  -- @p3 = up
  -- @p4 = <nil>
  -- @p5 = 1
COMMIT

-- save
UPDATE "tenant_acme"."posts" SET "author_id"=@p1,"title"=@p2,"deleted_at"=@p3 WHERE "posts"."deleted_at" IS NULL AND "id" = @p4 AND "posts"."tenant_id" = @p5
  -- @p1 = 1
  -- @p2 = up
  -- @p3 = <nil>
  -- @p4 = 1
  -- @p5 = acme
COMMIT

-- update
UPDATE "tenant_acme"."posts" SET "title"=@p1 WHERE ((title = 'a' OR title = 'b') AND "posts"."deleted_at" IS NULL) AND "posts"."tenant_id" = @p2
  -- @p1 = c
  -- @p2 = acme
COMMIT

-- update a row
UPDATE "tenant_acme"."authors" SET "name"=@p1 WHERE "id" = @p2
  -- @p1 = New
  -- @p2 = 1
COMMIT

-- update and return
UPDATE "tenant_acme"."posts" SET "title"=@p1 OUTPUT "INSERTED"."id" WHERE (id = @p2 AND "posts"."deleted_at" IS NULL) AND "posts"."tenant_id" = @p3
  -- @p1 = r
  -- @p2 = 1
  -- @p3 = acme
COMMIT

-- delete softly
UPDATE "tenant_acme"."posts" SET "deleted_at"=@p1 WHERE "posts"."id" = @p2 AND "posts"."deleted_at" IS NULL AND "posts"."tenant_id" = @p3
  -- @p1 = now
  -- @p2 = 1
  -- @p3 = acme
COMMIT

-- delete
DELETE FROM "tenant_acme"."authors" WHERE name = @p1
  -- @p1 = x
COMMIT

-- delete and return
DELETE FROM "tenant_acme"."posts" OUTPUT DELETED.* WHERE (id = @p1) AND "posts"."tenant_id" = @p2
  -- @p1 = 1
  -- @p2 = acme
COMMIT

-- append
MERGE INTO "tenant_acme"."labels" USING (VALUES(@p1,@p2)) AS excluded ("code","name") ON "tenant_acme"."labels"."code" = "excluded"."code" WHEN NOT MATCHED THEN INSERT ("code","name") VALUES ("excluded"."code","excluded"."name");
  -- @p1 = db
  -- @p2 = DB
MERGE INTO "tenant_acme"."author_labels" USING (VALUES(@p1,@p2)) AS excluded ("author_id","label_code") ON "tenant_acme"."author_labels"."author_id" = "excluded"."author_id" AND "tenant_acme"."author_labels"."label_code" = "excluded"."label_code" WHEN NOT MATCHED THEN INSERT ("author_id","label_code") VALUES ("excluded"."author_id","excluded"."label_code");
  -- @p1 = 1
  -- @p2 = db
COMMIT

-- replace
MERGE INTO "tenant_acme"."posts" USING (VALUES(@p1,@p2,@p3,@p4,@p5)) AS excluded ("tenant_id","author_id","title","deleted_at","id") ON "tenant_acme"."posts"."id" = "excluded"."id" WHEN MATCHED THEN UPDATE SET "author_id"=CASE WHEN "tenant_acme"."posts"."tenant_id" = "excluded"."tenant_id" THEN "excluded"."author_id" ELSE "tenant_acme"."posts"."author_id" END WHEN NOT MATCHED THEN INSERT ("tenant_id","author_id","title","deleted_at") VALUES ("excluded"."tenant_id","excluded"."author_id","excluded"."title","excluded"."deleted_at") OUTPUT INSERTED."id";
  -- @p1 = acme
  -- @p2 = 1
  -- @p3 = two
  -- @p4 = <nil>
  -- @p5 = 2
COMMIT
UPDATE "tenant_acme"."posts" SET "author_id"=@p1 WHERE ("posts"."id" <> @p2 AND "posts"."author_id" = @p3 AND "posts"."deleted_at" IS NULL) AND "posts"."tenant_id" = @p4
  -- @p1 = <nil>
  -- @p2 = 2
  -- @p3 = 1
  -- @p4 = acme
COMMIT

-- association count
SELECT count(*) FROM "tenant_acme"."labels" AS "labels" JOIN "tenant_acme"."author_labels" "author_labels" ON "author_labels"."label_code" = "labels"."code" AND "author_labels"."author_id" = @p1
  -- @p1 = 1

-- clear
DELETE FROM "tenant_acme"."author_labels" WHERE "author_labels"."author_id" = @p1
  -- @p1 = 1
COMMIT

-- a shared model
INSERT INTO "dbo"."plans" ("name") OUTPUT INSERTED."id" VALUES (@p1);
  -- @p1 = free
UPDATE "dbo"."plans" SET "name"=@p1 WHERE id = @p2
  -- @p1 = paid
  -- @p2 = 1
DELETE FROM "dbo"."plans" WHERE "plans"."id" = @p1
  -- @p1 = 1
COMMIT

-- nested transactions
SAVE TRANSACTION sp
ROLLBACK TRANSACTION sp
SAVE TRANSACTION sp
SELECT * FROM "tenant_acme"."labels" AS "labels"
COMMIT

