package server

import (
	"context"
	"net/http"
	"strconv"

	"slipway/accounts"
	"slipway/api/awswire"
	"slipway/api/calls"
	"slipway/api/cloudtrail"
	"slipway/api/ecr"
	"slipway/api/ecs"
	"slipway/api/elbv2"
	"slipway/api/iam"
	"slipway/api/lambda"
	"slipway/api/logs"
	"slipway/api/organizations"
	"slipway/api/rebalance"
	"slipway/api/s3"
	"slipway/api/schedulers"
	"slipway/api/secretsmanager"
	"slipway/api/ssm"
	"slipway/api/ssmmessages"
	"slipway/api/sts"
	"slipway/api/usage"
	"slipway/cluster"
	"slipway/functions"
	"slipway/nodeapi"
	"slipway/oci"
)

// handler is everything on the API listener: what is signed for S3 is of buckets, whatever the path; the hosts of
// functions' URLs are theirs; and what no path claims is an AWS call. One that is not signed at all is S3's, if it
// is nobody else's.
// Sessions in containers end with ctx.
func (s *Server) handler(ctx context.Context) http.Handler {
	who := access{s.accounts}
	config := awswire.Config{
		Region: s.config.Region,
		Keys:   who,
		Access: who,
		Ready:  s.ready,
		Record: s.record,
		Observe: func(c *awswire.Call) {
			s.meters.observe(c.Service, c.Operation, strconv.Itoa(c.Status), c.Duration)
			if p, signed := c.Who.Principal.(*accounts.Principal); signed {
				s.accounts.Used(c.Who.AccessKeyID, p, c.Service, s.config.Region)
			}
		},
	}
	images := oci.Config{Access: registryAccess{s.accounts}, Record: s.recordImages}
	if s.config.Throttle > 0 {
		t := newThrottle(s.config.Throttle)
		config.Limit, images.Limit = t.call, t.action
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET "+cluster.ChannelPath+"{session}", ssmmessages.New(ctx, s.cluster))
	mux.Handle(schedulers.Path, schedulers.Lines(ctx, s.cluster))
	mux.Handle("/v2/", oci.New(s.registry, images))
	mux.Handle("GET "+functions.CodePath, lambda.Code(s.functions))
	doors := awswire.NewMux(config, s.services()...)
	buckets := s3.New(s.objects, s.config.Region, s.bucketHosts()...)
	mux.Handle("/", buckets.Unsigned(doors))
	return buckets.Before(doors, lambda.URLs(s.functions, s.config.Region, doors, mux))
}

// nodeHandler is everything on the listener of nodes: their own wire, and all doors beside it for
// those who are nodes: their containers and images come by the same line. Sessions end with ctx, while calls in flight are let finish;
// the lines by which functions are called end with lines.
func (s *Server) nodeHandler(ctx, lines context.Context, doors http.Handler) http.Handler {
	mux := http.NewServeMux()
	wire := fromWhere(nodeapi.NewHandler(located{s.cluster, functionPlane{s}}, s.nodes))
	mux.Handle("/node/v1/", endWith(ctx, wire))
	mux.Handle("/node/v1/sandboxes", endWith(lines, wire))
	mux.Handle("/", nodeapi.Guard(s.nodes, doors))
	return mux
}

// services are the AWS services that are served.
func (s *Server) services() []*awswire.Service {
	return []*awswire.Service{
		iam.New(s.accounts),
		organizations.New(s.accounts),
		cloudtrail.New(s.audit),
		sts.New(s.accounts),
		ecr.New(s.registry, s.config.Advertise),
		ecs.New(s.cluster, s.config.Region),
		usage.New(s.cluster, s.config.Region),
		rebalance.New(s.cluster, s.config.Region),
		schedulers.New(s.cluster, s.config.Region),
		logs.New(s.logs, s.config.Region),
		ssm.New(s.secrets),
		secretsmanager.New(s.secrets),
		elbv2.New(s.ingress),
		lambda.New(s.functions, s.config.Region),
		calls.New(s.functions),
	}
}
