DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 5000;
IF @held < 0 THROW 50000, 'lock timeout: somebody else has worked on the same structures for longer than 5s: a session of the server; let them end, or give migrate.LockTimeout more time', 1;
  -- @p1 = tenancy:tenant_acme
SELECT CAST(CASE WHEN OBJECT_ID(@p1, 'U') IS NULL THEN 0 ELSE 1 END AS bit)
  -- @p1 = [dbo].[tenancy_tenants]
SELECT [tenant_id] FROM [dbo].[tenancy_tenants] WHERE [name] = @p1
  -- @p1 = tenant_acme
SELECT 'foreign key ' + QUOTENAME(name) + ': ' + QUOTENAME(OBJECT_SCHEMA_NAME(parent_object_id)) + '.' + QUOTENAME(OBJECT_NAME(parent_object_id))
	+ ' leans on ' + QUOTENAME(OBJECT_SCHEMA_NAME(referenced_object_id)) + '.' + QUOTENAME(OBJECT_NAME(referenced_object_id))
FROM sys.foreign_keys WHERE (OBJECT_SCHEMA_NAME(referenced_object_id) = @p1 AND OBJECT_SCHEMA_NAME(parent_object_id) <> @p1)
  -- @p1 = tenant_acme
SELECT 'ALTER TABLE ' + QUOTENAME(OBJECT_SCHEMA_NAME(parent_object_id)) + '.' + QUOTENAME(OBJECT_NAME(parent_object_id)) + ' DROP CONSTRAINT ' + QUOTENAME(name)
FROM sys.foreign_keys WHERE schema_id = SCHEMA_ID(@p1) ORDER BY name
  -- @p1 = tenant_acme
ALTER TABLE [tenant_acme].[posts] DROP CONSTRAINT [fk_authors_posts]
SELECT 'DROP VIEW ' + QUOTENAME(SCHEMA_NAME(schema_id)) + '.' + QUOTENAME(name) FROM sys.views WHERE schema_id = SCHEMA_ID(@p1) ORDER BY create_date DESC, name
  -- @p1 = tenant_acme
SELECT 'DROP TABLE ' + QUOTENAME(SCHEMA_NAME(schema_id)) + '.' + QUOTENAME(name) FROM sys.tables WHERE schema_id = SCHEMA_ID(@p1) ORDER BY name
  -- @p1 = tenant_acme
DROP TABLE [tenant_acme].[authors]
DROP TABLE [tenant_acme].[posts]
DROP SCHEMA IF EXISTS [tenant_acme]
DELETE FROM [dbo].[tenancy_tenants] WHERE [name] = @p1
  -- @p1 = tenant_acme
COMMIT
