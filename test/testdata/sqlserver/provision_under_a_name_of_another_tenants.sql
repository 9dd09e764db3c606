DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 5000;
IF @held < 0 THROW 50000, 'lock timeout: somebody else has worked on the same structures for longer than 5s: a session of the server; let them end, or give migrate.LockTimeout more time', 1;
  -- @p1 = tenancy:shared models
SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [dbo].[plans]
SELECT * FROM "dbo"."plans" ORDER BY (SELECT NULL) OFFSET 0 ROW FETCH NEXT 1 ROWS ONLY
SELECT DB_NAME() AS [Current Database]
SELECT COLUMN_NAME, DATA_TYPE, COLUMN_DEFAULT, c.IS_NULLABLE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_PRECISION_RADIX, NUMERIC_SCALE, DATETIME_PRECISION, AUTO_INCREMENT = c2.is_identity
FROM INFORMATION_SCHEMA.COLUMNS c
LEFT JOIN sys.tables t ON c.TABLE_NAME = t.[name]
LEFT JOIN sys.columns c2 ON t.object_id = c2.object_id AND c2.[name] = c.COLUMN_NAME
WHERE TABLE_CATALOG = @p1 AND TABLE_NAME = @p2 AND TABLE_SCHEMA = @p3
  -- @p1 = app
  -- @p2 = plans
  -- @p3 = dbo
SELECT DB_NAME() AS [Current Database]
SELECT c.COLUMN_NAME, t.CONSTRAINT_TYPE FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS t JOIN INFORMATION_SCHEMA.CONSTRAINT_COLUMN_USAGE c ON c.CONSTRAINT_NAME=t.CONSTRAINT_NAME WHERE t.CONSTRAINT_TYPE IN ('PRIMARY KEY', 'UNIQUE') AND c.TABLE_CATALOG = @p1 AND c.TABLE_NAME = @p2 AND c.TABLE_SCHEMA = @p3
  -- @p1 = app
  -- @p2 = plans
  -- @p3 = dbo
SELECT DB_NAME() AS [Current Database]
SELECT value FROM [app].sys.fn_listextendedproperty('MS_Description', 'SCHEMA', @p1, 'TABLE', @p2, 'COLUMN', @p3)
  -- @p1 = dbo
  -- @p2 = plans
  -- @p3 = id
SELECT DB_NAME() AS [Current Database]
SELECT value FROM [app].sys.fn_listextendedproperty('MS_Description', 'SCHEMA', @p1, 'TABLE', @p2, 'COLUMN', @p3)
  -- @p1 = dbo
  -- @p2 = plans
  -- @p3 = name
COMMIT
DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 5000;
IF @held < 0 THROW 50000, 'lock timeout: somebody else has worked on the same structures for longer than 5s: a session of the server; let them end, or give migrate.LockTimeout more time', 1;
  -- @p1 = tenancy:tenant_acme
DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 5000;
IF @held < 0 THROW 50000, 'lock timeout: somebody else has worked on the same structures for longer than 5s: a session of the server; let them end, or give migrate.LockTimeout more time', 1;
  -- @p1 = tenancy:registry
IF OBJECT_ID(@p1, 'U') IS NULL CREATE TABLE [dbo].[tenancy_tenants] (
	[name] nvarchar(128) COLLATE DATABASE_DEFAULT NOT NULL PRIMARY KEY,
	[tenant_id] nvarchar(255) COLLATE Latin1_General_100_BIN2 NOT NULL UNIQUE,
	[created_at] datetimeoffset NOT NULL
)
  -- @p1 = [dbo].[tenancy_tenants]
SELECT CAST(CASE WHEN OBJECT_ID(@p1, 'U') IS NULL THEN 0 ELSE 1 END AS bit)
  -- @p1 = [dbo].[tenancy_tenants]
SELECT [tenant_id] FROM [dbo].[tenancy_tenants] WHERE [name] = @p1
  -- @p1 = tenant_acme
ROLLBACK
-- tenancy: provision: tenant "acme" (schema): another tenant's: "tenant_acme" belongs to the tenant "globex"; give each tenant a name of its own
