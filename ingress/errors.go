package ingress

import "slipway/internal/errs"

// What can go wrong. Where AWS has a sentence for it, the error is worded so with errs.Say.
var (
	ErrNoBalancer    = errs.New(errs.NotFound, "One or more load balancers not found")
	ErrNoGroup       = errs.New(errs.NotFound, "One or more target groups not found")
	ErrNoListener    = errs.New(errs.NotFound, "One or more listeners not found")
	ErrNoRule        = errs.New(errs.NotFound, "One or more rules not found")
	ErrBalancerThere = errs.New(errs.Conflict, "a load balancer of the name exists")
	ErrGroupThere    = errs.New(errs.Conflict, "a target group of the name exists")
	ErrListenerThere = errs.New(errs.Conflict, "a listener on the port exists")
	ErrPriority      = errs.New(errs.Conflict, "the priority is in use")
	ErrInUse         = errs.New(errs.Conflict, "the target group is in use")
	ErrNotPermitted  = errs.New(errs.Denied, "not permitted")
	ErrInput         = errs.New(errs.Invalid, "invalid input")
	ErrTarget        = errs.New(errs.Invalid, "not a target")
	ErrConfiguration = errs.New(errs.Invalid, "not a configuration that can be served")
	ErrProtocol      = errs.New(errs.Unsupported, "protocol not supported")
	ErrIncompatible  = errs.New(errs.Invalid, "protocols that do not go together")
	ErrAction        = errs.New(errs.Invalid, "not an action of a load balancer")

	ErrTooManyBalancers = errs.New(errs.Conflict, "too many load balancers")
	ErrTooManyGroups    = errs.New(errs.Conflict, "too many target groups")
	ErrTooManyListeners = errs.New(errs.Conflict, "too many listeners")
	ErrTooManyRules     = errs.New(errs.Conflict, "too many rules")
	ErrTooManyTargets   = errs.New(errs.Conflict, "too many targets")
	ErrTooManyActions   = errs.New(errs.Conflict, "too many actions")
	ErrTooManyTags      = errs.New(errs.Conflict, "too many tags")
)
