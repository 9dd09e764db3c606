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
// BenchmarkOperation measures each side alone, for comparisons over time.
package bench
