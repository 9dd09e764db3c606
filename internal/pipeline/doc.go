// Package pipeline sends transaction-local settings and one statement to PostgreSQL in
// one round trip, on a connection of pgx.
//
// Everything between two Sync messages is one implicit transaction
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING), so
// settings that are local to it end with the statement that they travel with.
package pipeline
