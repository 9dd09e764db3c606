package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"strings"

	driver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtenancy/tenancy/strategies"
)

// onMySQL tells the story on MySQL or MariaDB, in databases that belong to an ordinary user.
func onMySQL(ctx context.Context, server string) (err error) {
	config, err := mysqlConfig(server)
	if err != nil {
		return err
	}
	admin, err := gorm.Open(mysql.New(mysql.Config{DSNConfig: config}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return err
	}
	defer func() {
		if pool, poolErr := admin.DB(); poolErr == nil {
			_ = pool.Close()
		}
	}()
	config = config.Clone()
	config.User, config.Passwd = "tenancy_"+strings.ToLower(rand.Text()[:12]), rand.Text()
	if err := admin.Exec(fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", config.User, config.Passwd)).Error; err != nil {
		return err
	}
	defer func() {
		if dropErr := admin.Exec("DROP USER '" + config.User + "'@'%'").Error; err == nil {
			err = dropErr
		}
	}()
	for _, c := range []chapter{
		{
			title:    "Shared: one set of tables, a tenant column",
			promise:  "The column is the only wall, so raw SQL is refused, and the database itself fails an upsert that meets another tenant's row.",
			strategy: strategies.Shared{}, rawRefused: true,
		},
	} {
		config.DBName = config.User + "_" + c.strategy.Name()
		c.base = mysql.New(mysql.Config{DSNConfig: config.Clone()})
		if err := inMySQL(admin, config.DBName, config.User, func() error { return tellAll(ctx, []chapter{c}) }); err != nil {
			return err
		}
	}
	config.DBName = config.User + "_hybrid"
	return inMySQL(admin, config.DBName, config.User, func() (err error) {
		premium := strategies.Database{Open: mysql.Open, DSN: config.FormatDSN(), Prefix: config.User + "_own_"}
		acme := premium.Prefix + pair[0].ID
		if err := grantMySQL(admin, premium.Prefix+"%", config.User); err != nil {
			return err
		}
		defer func() {
			if dropErr := admin.Exec("DROP DATABASE IF EXISTS " + acme).Error; err == nil {
				err = dropErr
			}
		}()
		return tellHybrid(ctx, mysql.New(mysql.Config{DSNConfig: config.Clone()}), premium, strategies.Shared{})
	})
}

// mysqlConfig reads mysql://user:password@host:port/.
func mysqlConfig(server string) (*driver.Config, error) {
	address, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	port := address.Port()
	if port == "" {
		port = "3306"
	}
	config := driver.NewConfig()
	config.Net, config.Addr, config.ParseTime = "tcp", net.JoinHostPort(address.Hostname(), port), true
	config.User = address.User.Username()
	config.Passwd, _ = address.User.Password()
	return config, nil
}

// inMySQL creates a database in which the user may do everything, and removes it after fn.
func inMySQL(admin *gorm.DB, database, user string, fn func() error) (err error) {
	if err := admin.Exec("CREATE DATABASE " + database + " CHARACTER SET utf8mb4").Error; err != nil {
		return err
	}
	defer func() {
		if dropErr := admin.Exec("DROP DATABASE " + database).Error; err == nil {
			err = dropErr
		}
	}()
	if err := grantMySQL(admin, database, user); err != nil {
		return err
	}
	return fn()
}

// grantMySQL lets a user do everything in databases, which need not be there yet: in their
// names, % stands for anything.
func grantMySQL(admin *gorm.DB, databases, user string) error {
	pattern := strings.ReplaceAll(databases, "_", `\_`) // where a name is granted, _ is a wildcard
	return admin.Exec("GRANT ALL ON `" + pattern + "`.* TO '" + user + "'@'%'").Error
}
