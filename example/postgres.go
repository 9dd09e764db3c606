package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy/strategies"
)

// onPostgres tells the story in databases that an ordinary role owns: a superuser
// passes row-level security.
func onPostgres(ctx context.Context, server string) (err error) {
	address, err := url.Parse(server)
	if err != nil {
		return err
	}
	admin, err := gorm.Open(postgres.Open(server), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	defer func() {
		if pool, poolErr := admin.DB(); poolErr == nil {
			_ = pool.Close()
		}
	}()
	name, password := "tenancy_example_"+strings.ToLower(rand.Text()[:12]), rand.Text()
	if err := admin.Exec(fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", name, password)).Error; err != nil {
		return err
	}
	defer func() {
		if dropErr := admin.Exec("DROP ROLE " + name).Error; err == nil {
			err = dropErr
		}
	}()
	address.User = url.UserPassword(name, password)
	for _, c := range []chapter{
		{
			title:    "Schema: a PostgreSQL schema of its own for each tenant",
			promise:  "GORM's statements name it, all others find it by a search_path that lasts as long as they do.",
			strategy: strategies.Schema{}, own: true,
		},
		{
			title:    "RLS: one set of tables, and policies that PostgreSQL enforces",
			promise:  "Each statement sets the tenant for itself; the database shows no other rows, to raw SQL neither.",
			strategy: strategies.RLS{},
		},
	} {
		database := name + "_" + c.strategy.Name()
		address.Path = "/" + database
		c.base = postgres.Open(address.String())
		if err := inDatabase(admin, database, name, func() error { return tellAll(ctx, []chapter{c}) }); err != nil {
			return err
		}
	}
	database := name + "_hybrid"
	address.Path = "/" + database
	return inDatabase(admin, database, name, func() error {
		return tellHybrid(ctx, postgres.Open(address.String()), strategies.Schema{}, strategies.RLS{})
	})
}

// inDatabase creates a database, and removes it after fn.
func inDatabase(admin *gorm.DB, database, owner string, fn func() error) (err error) {
	if err := admin.Exec("CREATE DATABASE " + database + " OWNER " + owner).Error; err != nil {
		return err
	}
	defer func() {
		if dropErr := admin.Exec("DROP DATABASE " + database + " WITH (FORCE)").Error; err == nil {
			err = dropErr
		}
	}()
	return fn()
}
