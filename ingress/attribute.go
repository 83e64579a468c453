package ingress

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"slipway/internal/errs"
)

// attribute is one that can be set: what it is by itself, and what it may be.
type attribute struct {
	def    string
	values []string // nil: a number
	least  int
	most   int
}

func number(def, least, most int) attribute {
	return attribute{def: strconv.Itoa(def), least: least, most: most}
}

// of is an attribute that may be one of a few; the first is what it is by itself.
func of(values ...string) attribute { return attribute{def: values[0], values: values} }

var (
	flag  = of("false", "true")
	never = of("false") // what Slipway does not do
	empty = of("")
)

// attributes are those that something has, by name.
type attributes map[string]attribute

// What load balancers can be told. Source: API Reference, "LoadBalancerAttribute".
var applicationAttributes = attributes{
	"access_logs.s3.enabled": never, "access_logs.s3.bucket": empty, "access_logs.s3.prefix": empty,
	"connection_logs.s3.enabled": never, "connection_logs.s3.bucket": empty, "connection_logs.s3.prefix": empty,
	"health_check_logs.s3.enabled": never, "health_check_logs.s3.bucket": empty, "health_check_logs.s3.prefix": empty,
	"client_keep_alive.seconds": of("3600"), "deletion_protection.enabled": flag, "idle_timeout.timeout_seconds": number(60, 1, 4000),
	"ipv6.deny_all_igw_traffic": never, "load_balancing.cross_zone.enabled": of("true"),
	"routing.http.desync_mitigation_mode": of("defensive", "strictest"), "routing.http.drop_invalid_header_fields.enabled": never,
	"routing.http.preserve_host_header.enabled": flag, "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": never,
	"routing.http.xff_client_port.enabled": flag, "routing.http.xff_header_processing.mode": of("append", "preserve", "remove"),
	"routing.http2.enabled": of("true"), "waf.fail_open.enabled": never, "zonal_shift.config.enabled": never,
}

var networkAttributes = attributes{
	"access_logs.s3.enabled": never, "access_logs.s3.bucket": empty, "access_logs.s3.prefix": empty, "deletion_protection.enabled": flag,
	"dns_record.client_routing_policy": of("any_availability_zone"), "ipv6.deny_all_igw_traffic": never, "load_balancing.cross_zone.enabled": flag,
	"secondary_ips.auto_assigned.per_subnet": of("0"), "zonal_shift.config.enabled": never,
}

// What listeners can be told. Source: API Reference, "ListenerAttribute".
var (
	httpListenerAttributes = attributes{"routing.http.response.server.enabled": of("true")}
	tcpListenerAttributes  = attributes{"tcp.idle_timeout.seconds": number(350, 60, 6000)}
)

// What all target groups can be told. Source: API Reference, "TargetGroupAttribute".
var groupAttributes = attributes{
	"deregistration_delay.timeout_seconds": number(300, 0, 3600), "stickiness.enabled": flag,
	"load_balancing.cross_zone.enabled":                                              of("use_load_balancer_configuration", "true", "false"),
	"target_group_health.dns_failover.minimum_healthy_targets.count":                 of("1"),
	"target_group_health.dns_failover.minimum_healthy_targets.percentage":            of("off"),
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count":      of("1"),
	"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": of("off"),
}

var httpGroupAttributes = joined(groupAttributes, attributes{
	"stickiness.type": of("lb_cookie"), "stickiness.lb_cookie.duration_seconds": number(86400, 1, 604800),
	"stickiness.app_cookie.cookie_name": empty, "stickiness.app_cookie.duration_seconds": of("86400"), "slow_start.duration_seconds": of("0"),
	"load_balancing.algorithm.type": of("round_robin", "least_outstanding_requests"), "load_balancing.algorithm.anomaly_mitigation": of("off"),
})

var tcpGroupAttributes = joined(groupAttributes, attributes{
	"stickiness.type": of("source_ip"), "deregistration_delay.connection_termination.enabled": flag,
	"preserve_client_ip.enabled": never, "proxy_protocol_v2.enabled": never,
	"target_health_state.unhealthy.connection_termination.enabled": of("false"), "target_health_state.unhealthy.draining_interval_seconds": of("0"),
})

func joined(a, b attributes) attributes {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// all are the attributes with what was set of them.
func (a attributes) all(set map[string]string) map[string]string {
	values := map[string]string{}
	for name, one := range a {
		values[name] = one.def
	}
	maps.Copy(values, set)
	return values
}

// merge adds values to those that were set, or says which cannot be.
func (a attributes) merge(set, values map[string]string) (map[string]string, error) {
	merged := maps.Clone(set)
	if merged == nil {
		merged = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := strings.TrimSpace(values[name])
		one, known := a[name]
		switch {
		case !known:
			return nil, errs.Say(ErrConfiguration, "The attribute key '%s' is not recognized", name)
		case one.values != nil && !slices.Contains(one.values, value):
			return nil, errs.Say(ErrConfiguration, "The value '%s' of attribute '%s' is not supported by Slipway: want one of %q", value, name, one.values)
		case one.values == nil:
			if n, err := strconv.Atoi(value); err != nil || n < one.least || n > one.most {
				return nil, errs.Say(ErrConfiguration, "The value of '%s' must be between %d and %d, and is '%s'", name, one.least, one.most, value)
			}
		}
		merged[name] = value
	}
	return merged, nil
}

// get is a value, set or not.
func (a attributes) get(set map[string]string, name string) string {
	if v, ok := set[name]; ok {
		return v
	}
	return a[name].def
}

func (a attributes) number(set map[string]string, name string) int {
	n, _ := strconv.Atoi(a.get(set, name)) // it was checked when it was set
	return n
}
