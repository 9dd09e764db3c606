SELECT CAST(CASE WHEN OBJECT_ID(@p1, 'U') IS NULL THEN 0 ELSE 1 END AS bit)
  -- @p1 = [dbo].[tenancy_tenants]
-- tenancy: verify: tenant "acme" (schema): not provisioned: the database knows nothing of the tenant; run migrate.Provision
