package runtimeapi

import (
	"context"
	"net"
	"time"

	"slipway/nodeapi"
)

// telemetry is what happens in a sandbox, for extensions that asked for it.
type telemetry struct {
	dial func(ctx context.Context, port int) (net.Conn, error)
}

func (t *telemetry) init(dial func(ctx context.Context, port int) (net.Conn, error)) { t.dial = dial }

func (t *telemetry) initStart(Config)                           {}
func (t *telemetry) initDone(time.Time, *nodeapi.FunctionError) {}
func (t *telemetry) start(Config, *call)                        {}
func (t *telemetry) close()                                     {}

// subscribe serves PUT /2022-07-01/telemetry.
func (s *Session) subscribe(r *request) reply {
	return fault(202, "Telemetry.NotSupported", "Telemetry API is not supported")
}
