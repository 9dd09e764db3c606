DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 5000;
IF @held < 0 THROW 50000, 'lock timeout: somebody else has worked on the same structures for longer than 5s: a session of the server; let them end, or give migrate.LockTimeout more time', 1;
  -- @p1 = tenancy:shared models
SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [dbo].[plans]
CREATE TABLE "dbo"."plans" ("id" bigint IDENTITY(1,1),"name" nvarchar(64),PRIMARY KEY ("id"))
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
SELECT [name] FROM [dbo].[tenancy_tenants] WHERE [tenant_id] = @p1
  -- @p1 = acme
INSERT INTO [dbo].[tenancy_tenants] ([name], [tenant_id], [created_at]) VALUES (@p1, @p2, @p3)
  -- @p1 = tenant_acme
  -- @p2 = acme
  -- @p3 = now
IF SCHEMA_ID(@p1) IS NULL EXEC (@p2)
  -- @p1 = tenant_acme
  -- @p2 = CREATE SCHEMA [tenant_acme]
SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [dbo].[plans]
CREATE TABLE "dbo"."plans" ("id" bigint IDENTITY(1,1),"name" nvarchar(64),PRIMARY KEY ("id"))
SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [tenant_acme].[authors]
CREATE TABLE "tenant_acme"."authors" ("id" bigint IDENTITY(1,1),"name" nvarchar(64),"plan_id" bigint,PRIMARY KEY ("id"),CONSTRAINT "fk_authors_plan" FOREIGN KEY ("plan_id") REFERENCES "dbo"."plans"("id"))
CREATE INDEX "idx_authors_name" ON "tenant_acme"."authors"("name")
SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [tenant_acme].[labels]
CREATE TABLE "tenant_acme"."labels" ("code" nvarchar(64),"name" nvarchar(64),PRIMARY KEY ("code"))
SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [tenant_acme].[author_labels]
CREATE TABLE "tenant_acme"."author_labels" ("author_id" bigint,"label_code" nvarchar(64),PRIMARY KEY ("author_id","label_code"),CONSTRAINT "fk_author_labels_ms_author" FOREIGN KEY ("author_id") REFERENCES "tenant_acme"."authors"("id"),CONSTRAINT "fk_author_labels_ms_label" FOREIGN KEY ("label_code") REFERENCES "tenant_acme"."labels"("code"))
SELECT count(*) FROM sys.tables WHERE object_id = OBJECT_ID(@p1)
  -- @p1 = [tenant_acme].[posts]
CREATE TABLE "tenant_acme"."posts" ("id" bigint IDENTITY(1,1),"tenant_id" nvarchar(64),"author_id" bigint,"title" nvarchar(64),"deleted_at" datetimeoffset,PRIMARY KEY ("id"),CONSTRAINT "fk_authors_posts" FOREIGN KEY ("author_id") REFERENCES "tenant_acme"."authors"("id"))
COMMIT
