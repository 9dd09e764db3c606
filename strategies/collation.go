package strategies

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// attestCollation refuses tenant columns for which two IDs may be one.
func (s *shared) attestCollation(ctx context.Context, pool gorm.ConnPool) error {
	loose, err := s.looseColumns(ctx, pool)
	if err != nil || len(loose) == 0 {
		return err
	}
	return &tenancy.Error{Kind: tenancy.ErrConfig, Detail: strings.Join(loose, "; ")}
}

// looseColumns finds the tenant columns of owned tables whose collation takes different
// texts for equal. It asks MySQL and MariaDB alone.
func (s *shared) looseColumns(ctx context.Context, pool gorm.ConnPool) ([]string, error) {
	if s.in.Dialect() != "mysql" {
		return nil, nil
	}
	owned, err := s.in.Ordered()
	if err != nil {
		return nil, err
	}
	rows, err := pool.QueryContext(ctx, `
		SELECT table_name, CONCAT(column_type, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', IF(is_nullable = 'NO', ' NOT NULL', '')), collation_name FROM information_schema.columns
		WHERE table_schema = DATABASE() AND column_name = ?
		AND collation_name IS NOT NULL AND RIGHT(collation_name, 4) <> '_bin' ORDER BY table_name`, s.in.Column())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var found []string
	for rows.Next() {
		var table, kind, collation string
		if err := rows.Scan(&table, &kind, &collation); err != nil {
			return nil, err
		}
		for _, model := range owned {
			if strings.EqualFold(model.Table, table) {
				found = append(found, fmt.Sprintf("the column %[1]s of %[2]s has the collation %[3]s, for which acme and ACME are one tenant; ALTER TABLE %[4]s MODIFY %[5]s %[6]s, with those that its foreign keys refer to",
					s.in.Column(), table, collation, quoteLike(s.in, table), quoteLike(s.in, s.in.Column()), kind))
			}
		}
	}
	return slices.Compact(found), rows.Err()
}
