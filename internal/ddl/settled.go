package ddl

import (
	"context"

	"github.com/gormtenancy/tenancy/internal/routing"
)

// Settled has [Exclusive] apply settings to its transaction on PostgreSQL, in the round trip of
// the lock. They travel with the context, like [Patient]'s limit.
func Settled(ctx context.Context, settings []routing.Setting) context.Context {
	return context.WithValue(ctx, settledKey{}, settings)
}

type settledKey struct{}

func settingsIn(ctx context.Context) []routing.Setting {
	settings, _ := ctx.Value(settledKey{}).([]routing.Setting)
	return settings
}
