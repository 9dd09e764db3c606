-- create
INSERT INTO "notes" ("tenant_id","text") OUTPUT INSERTED."id" VALUES (@p1,@p2);
  -- @p1 = acme
  -- @p2 = a
COMMIT

-- create without the tenant
INSERT INTO "notes" ("tenant_id","text") OUTPUT INSERTED."id" VALUES (@p1,@p2);
  -- @p1 = acme
  -- @p2 = a
COMMIT

-- create some columns
INSERT INTO "notes" ("tenant_id","text") OUTPUT INSERTED."id" VALUES (@p1,@p2);
  -- @p1 = acme
  -- @p2 = a
COMMIT

-- create from a map
INSERT INTO "notes" ("tenant_id","text") OUTPUT INSERTED."id" VALUES (@p1,@p2);
  -- @p1 = acme
  -- @p2 = a
COMMIT

-- create by a hook for another
ROLLBACK
-- tenancy: create: tenant "acme" (shared): another tenant's: the value "globex" in column "tenant_id"; leave the tenant column empty, and use the context of the tenant that is meant

-- create by a hook for nobody
INSERT INTO "notes" ("tenant_id","text") OUTPUT INSERTED."id" VALUES (@p1,@p2);
  -- @p1 = acme
  -- @p2 = a
COMMIT

-- upsert
MERGE INTO "notes" USING (VALUES(@p1,@p2,@p3),(@p4,@p5,@p6)) AS excluded ("tenant_id","text","id") ON "notes"."id" = "excluded"."id" WHEN MATCHED THEN UPDATE SET "text"=CASE WHEN "notes"."tenant_id" = "excluded"."tenant_id" THEN "excluded"."text" ELSE "notes"."text" END WHEN NOT MATCHED THEN INSERT ("tenant_id","text") VALUES ("excluded"."tenant_id","excluded"."text") OUTPUT INSERTED."id";
  -- @p1 = acme
  -- @p2 = up
  -- @p3 = 1
  -- @p4 = acme
  -- @p5 = up
  -- @p6 = 2
SELECT count(*) FROM "notes" WHERE "notes"."id" IN (@p1,@p2) AND "notes"."tenant_id" <> @p3
  -- @p1 = 1
  -- @p2 = 2
  -- @p3 = acme
COMMIT

-- upsert that meets another's row
MERGE INTO "notes" USING (VALUES(@p1,@p2,@p3)) AS excluded ("tenant_id","text","id") ON "notes"."id" = "excluded"."id" WHEN MATCHED THEN UPDATE SET "text"=CASE WHEN "notes"."tenant_id" = "excluded"."tenant_id" THEN "excluded"."text" ELSE "notes"."text" END WHEN NOT MATCHED THEN INSERT ("tenant_id","text") VALUES ("excluded"."tenant_id","excluded"."text") OUTPUT INSERTED."id";
  -- @p1 = acme
  -- @p2 = up
  -- @p3 = 1
SELECT count(*) FROM "notes" WHERE "notes"."id" = @p1 AND "notes"."tenant_id" <> @p2
  -- @p1 = 7
  -- @p2 = acme
ROLLBACK
-- tenancy: create: tenant "acme" (shared): another tenant's: a row to save has the key of a row of another tenant in "notes"; nothing was changed there

-- upsert nothing that meets another's row
MERGE INTO "notes" USING (VALUES(@p1,@p2,@p3)) AS excluded ("tenant_id","text","id") ON "notes"."id" = "excluded"."id" WHEN NOT MATCHED THEN INSERT ("tenant_id","text") VALUES ("excluded"."tenant_id","excluded"."text") OUTPUT INSERTED."id";
  -- @p1 = acme
  -- @p2 = up
  -- @p3 = 1
SELECT count(*) FROM "notes" WHERE "notes"."id" = @p1 AND "notes"."tenant_id" <> @p2
  -- @p1 = 7
  -- @p2 = acme
ROLLBACK
-- tenancy: create: tenant "acme" (shared): another tenant's: a row to save has the key of a row of another tenant in "notes"; nothing was changed there

-- upsert that sets the tenant
ROLLBACK
-- tenancy: inspect: tenant "acme" (shared): raw SQL refused: a part of the statement written as text reads an owned table without the tenant column; use a built subquery or relation, or WithRawSQL: merge statement is not handled near "MERGE"

-- raw
-- tenancy: inspect: tenant "acme" (shared): raw SQL refused: nothing but the tenant column keeps tenants apart here, and nothing can add it to a text; use GORM's builder, or WithRawSQL for a text that narrows itself

-- provision
DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 5000;
IF @held < 0 THROW 50000, 'lock timeout: somebody else has worked on the same structures for longer than 5s: a session of the server; let them end, or give migrate.LockTimeout more time', 1;
  -- @p1 = tenancy:shared
SELECT DB_NAME() AS [Current Database]
SELECT count(*) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = @p1 AND TABLE_CATALOG = @p2 and TABLE_SCHEMA like @p3  AND TABLE_TYPE = @p4
  -- @p1 = notes
  -- @p2 = app
  -- @p3 = %
  -- @p4 = BASE TABLE
CREATE TABLE "notes" ("id" bigint IDENTITY(1,1),"tenant_id" nvarchar(64) COLLATE Latin1_General_100_BIN2,"text" nvarchar(64),PRIMARY KEY ("id"))
COMMIT

