package ddl

import (
	"context"

	"gorm.io/gorm"
)

// LockSQLServer waits for a lock that is released with the transaction tx
// (https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql).
func LockSQLServer(ctx context.Context, tx gorm.ConnPool, key string) error {
	_, err := tx.ExecContext(ctx, `DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = -1;
IF @held < 0 THROW 50000, 'the lock for provisioning was not granted', 1;`, "tenancy:"+key)
	return err
}
