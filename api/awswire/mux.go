package awswire

import (
	"log/slog"
	"time"
)

// Config is what the server gives its doors. Region, Keys and Access are required.
type Config struct {
	Region  string // the region that signatures must name
	Keys    Authenticator
	Access  Authorizer
	Log     *slog.Logger // nil: slog.Default()
	Observe func(Call)   // called once per request after its answer; nil: nobody counts
	MaxBody int64        // bytes of a request; 0: 32 MiB, room for a 20 MiB layer part in base64
}

// Call is one request as metrics see it.
type Call struct {
	Service   string // "ecs"; "" if the request named none
	Operation string // "RunTask"; "" if the request named none that the service has
	Status    int
	Duration  time.Duration
}
