package ddl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// LockSQLServer waits for a lock that is released with the transaction tx, as long as ctx
// lasts, or as [Patient] says
// (https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql).
// Keys that differ in case alone are one lock, as names of schemas are one there.
func LockSQLServer(ctx context.Context, tx gorm.ConnPool, key string) error {
	milliseconds, held := int64(-1), errors.New("the lock for provisioning was not granted")
	if w := beginWait(ctx); w.limit > 0 {
		milliseconds, held = max(1, w.limit.Milliseconds()), w.held("a session of the server")
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`DECLARE @held int;
EXEC @held = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = %d;
IF @held < 0 THROW 50000, '%s', 1;`, milliseconds, held), "tenancy:"+strings.ToLower(key))
	if err != nil && strings.Contains(err.Error(), held.Error()) {
		return held
	}
	return err
}
