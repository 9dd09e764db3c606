// Package bench measures what the plugin adds to a statement.
//
//	go test -run '^$' -bench . ./test/bench
//
// BenchmarkRatio is the one to read. It runs the plugin and plain GORM, with the
// tenant written by hand, in turn in the same process, so that a busy machine
// slows both alike. What it reports are ratios:
//
//	x-plain         time, the median over all rounds
//	allocs-x-plain  allocations
//
// There plain GORM has one file and one table, whatever the strategy. BenchmarkLayout
// gives plain GORM the strategy's own tables and files as well, and so shows the
// plugin's part of the ratio alone. BenchmarkOperation measures each side alone, for
// comparisons over time.
package bench
