package main

// sqlc is no requirement of this module: the command builds it, in the version that is
// named here. That needs a C compiler, and minutes the first time.
//
//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate
