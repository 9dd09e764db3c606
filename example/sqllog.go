package main

import (
	"context"
	"time"

	"gorm.io/gorm/logger"
)

// sqlLog is a logger that keeps the last statement.
type sqlLog struct {
	logger.Interface
	last string
	sent int
}

func newSQLLog() *sqlLog { return &sqlLog{Interface: logger.Discard} }

// LogMode implements logger.Interface.
func (l *sqlLog) LogMode(logger.LogLevel) logger.Interface { return l }

// Trace implements logger.Interface.
func (l *sqlLog) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	l.last, _ = statement()
	l.sent++
}
