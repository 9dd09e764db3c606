DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 5000;
IF @held < 0 THROW 50000, 'lock timeout: somebody else has worked on the same structures for longer than 5s: a session of the server; let them end, or give migrate.LockTimeout more time', 1;
  -- @p1 = tenancy:tenant_acme
SELECT CAST(CASE WHEN OBJECT_ID(@p1, 'U') IS NULL THEN 0 ELSE 1 END AS bit)
  -- @p1 = [dbo].[tenancy_tenants]
COMMIT
