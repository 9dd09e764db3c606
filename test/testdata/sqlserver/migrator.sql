SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [tenant_acme].[authors]
SELECT count(*) FROM sys.columns WHERE object_id = OBJECT_ID(@p1) AND name = @p2
  -- @p1 = [tenant_acme].[authors]
  -- @p2 = name
SELECT count(*) FROM sys.indexes WHERE object_id = OBJECT_ID(@p1) AND name = @p2
  -- @p1 = [tenant_acme].[authors]
  -- @p2 = idx_authors_name
SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [dbo].[plans]
EXEC sp_rename @objname = @p1, @newname = @p2, @objtype = @p3
  -- @p1 = [tenant_acme].[authors].[name]
  -- @p2 = title
  -- @p3 = COLUMN
EXEC sp_rename @objname = @p1, @newname = @p2, @objtype = @p3
  -- @p1 = [tenant_acme].[authors]
  -- @p2 = writers
  -- @p3 = OBJECT
EXEC sp_rename @objname = @p1, @newname = @p2, @objtype = @p3
  -- @p1 = [tenant_acme].[authors].[a]
  -- @p2 = b
  -- @p3 = INDEX
CREATE INDEX "idx_authors_name" ON "tenant_acme"."authors"("name")
ALTER TABLE "tenant_acme"."authors" DROP COLUMN "name"
SELECT QUOTENAME(OBJECT_SCHEMA_NAME(parent_object_id)) + '.' + QUOTENAME(OBJECT_NAME(parent_object_id)) AS parent, QUOTENAME(name) AS name
FROM sys.foreign_keys WHERE referenced_object_id = OBJECT_ID(@p1) AND OBJECT_SCHEMA_NAME(parent_object_id) = OBJECT_SCHEMA_NAME(referenced_object_id)
  -- @p1 = [tenant_acme].[authors]
DROP TABLE IF EXISTS [tenant_acme].[authors]
SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID(@p1) ORDER BY name
  -- @p1 = tenant_acme
