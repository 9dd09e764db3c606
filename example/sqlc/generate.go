package main

// sqlc is no requirement of the module: the command builds it by itself, in the version
// named here. It needs a C compiler, and a few minutes the first time.
//
//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate
