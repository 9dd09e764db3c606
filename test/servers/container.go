package servers

import (
	"fmt"
	"net"
	"os/exec"
	"sync"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

// containerLife is the longest that a container lives, should nobody remove it.
const containerLife = 30 * time.Minute

var containers struct {
	sync.Mutex
	running []func() error
}

// container starts an image and waits until ready accepts its address.
func container(image, tag, port string, env []string, ready func(host string) (string, error)) (string, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return "", err
	}
	pool, err := dockertest.NewPool("")
	if err != nil {
		return "", err
	}
	if err := pool.Client.Ping(); err != nil {
		return "", fmt.Errorf("no engine: %w", err)
	}
	resource, err := pool.RunWithOptions(&dockertest.RunOptions{Repository: image, Tag: tag, Env: env}, func(config *docker.HostConfig) {
		config.AutoRemove = true
	})
	if err != nil {
		return "", err
	}
	containers.Lock()
	containers.running = append(containers.running, func() error { return pool.Purge(resource) })
	containers.Unlock()
	_ = resource.Expire(uint(containerLife.Seconds()))
	pool.MaxWait = 2 * time.Minute
	var dsn string
	err = pool.Retry(func() error {
		var err error
		dsn, err = ready(net.JoinHostPort("127.0.0.1", resource.GetPort(port)))
		return err
	})
	return dsn, err
}

// Close removes the containers that were started. Call it from TestMain, after the tests.
func Close() error {
	containers.Lock()
	defer containers.Unlock()
	var first error
	for _, purge := range containers.running {
		if err := purge(); err != nil && first == nil {
			first = err
		}
	}
	containers.running = nil
	return first
}
