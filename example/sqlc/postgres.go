package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// role is an ordinary one, for a superuser passes row-level security.
type role struct {
	admin          *sql.DB
	server         url.URL
	name, password string
}

// withRole creates a role, and removes it after fn.
func withRole(ctx context.Context, server string, fn func(role) error) (err error) {
	address, err := url.Parse(server)
	if err != nil {
		return err
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	r := role{admin: admin, server: *address, name: "tenancy_sqlc_" + strings.ToLower(rand.Text()[:12]), password: rand.Text()}
	if _, err := admin.ExecContext(ctx, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", r.name, r.password)); err != nil {
		return err
	}
	defer func() { err = r.remove(ctx, "ROLE "+r.name, err) }()
	return fn(r)
}

// inDatabase creates a database that the role owns, and removes it after fn.
func (r role) inDatabase(ctx context.Context, suffix string, fn func(dsn string) error) (err error) {
	database := r.name + "_" + suffix
	if _, err := r.admin.ExecContext(ctx, "CREATE DATABASE "+database+" OWNER "+r.name); err != nil {
		return err
	}
	defer func() { err = r.remove(ctx, "DATABASE "+database+" WITH (FORCE)", err) }()
	address := r.server
	address.User = url.UserPassword(r.name, r.password)
	address.Path = "/" + database
	return fn(address.String())
}

// remove drops what there was before err, also when that came of a cancelled context.
func (r role) remove(ctx context.Context, what string, err error) error {
	_, dropErr := r.admin.ExecContext(context.WithoutCancel(ctx), "DROP "+what)
	if err == nil {
		err = dropErr
	}
	return err
}
