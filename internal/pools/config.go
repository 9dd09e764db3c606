package pools

import "time"

// The defaults of Config.
const (
	defaultSize        = 32
	defaultIdleTimeout = 5 * time.Minute
	defaultOpenTimeout = 30 * time.Second
)

// Config sets the bounds of a Cache. The zero value is ready to use.
type Config struct {
	// Size is how many pools stay open without a lease. More may be open at
	// once when more are leased at once. 0, or less, means 32.
	Size int

	// IdleTimeout is how long a pool stays open after its last lease has
	// ended. 0 means 5 minutes; a negative value means for ever.
	IdleTimeout time.Duration

	// OpenTimeout is how long one opening may take: the context handed to open
	// ends after it. 0, or less, means 30 seconds.
	OpenTimeout time.Duration
}

func (cfg Config) withDefaults() Config {
	if cfg.Size <= 0 {
		cfg.Size = defaultSize
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = defaultIdleTimeout
	}
	if cfg.OpenTimeout <= 0 {
		cfg.OpenTimeout = defaultOpenTimeout
	}
	return cfg
}
