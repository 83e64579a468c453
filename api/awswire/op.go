package awswire

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Op is one operation of a service, with its input and output types.
type Op[I, O any] struct{ operation }

type operation struct {
	api    *API
	name   string
	method string
	uri    string
	status int
}

// NewOp declares an operation that Slipway serves. Only generated code calls it.
func NewOp[I, O any](api *API, name, method, uri string, status int) *Op[I, O] {
	api.served = append(api.served, Operation{Name: name, Method: method, URI: uri, Input: reflect.TypeFor[I]()})
	return &Op[I, O]{operation{api, name, method, uri, status}}
}

// Name is the operation's name, and with the service's the action: "RunTask".
func (o *Op[I, O]) Name() string { return o.name }

// Handle binds the operation to what does it. The input that do gets is decoded, checked against
// the model's constraints, and authorized for everything that on asks for: actions, resources and
// condition keys as the Service Authorization Reference has them. An on that asks for nothing asks
// for the operation on "*".
// A nil output is an empty one. Errors become faults by the service's table.
func (o *Op[I, O]) Handle(do func(context.Context, *I) (*O, error), on func(context.Context, *I) []Ask) Binding {
	b := o.HandleOpen(do)
	b.on = func(ctx context.Context, in any) []Ask { return on(ctx, in.(*I)) }
	return b
}

// HandleOpen binds an operation that every caller who signed may do, such as sts:GetCallerIdentity.
func (o *Op[I, O]) HandleOpen(do func(context.Context, *I) (*O, error)) Binding {
	return Binding{
		operation: o.operation,
		input:     reflect.TypeFor[I](),
		output:    reflect.TypeFor[O](),
		newInput:  func() any { return new(I) },
		do: func(ctx context.Context, in any) (any, error) {
			out, err := do(ctx, in.(*I))
			if out == nil {
				out = new(O)
			}
			return out, err
		},
	}
}

// Binding is an operation and what does it.
type Binding struct {
	operation
	input, output reflect.Type
	in, out       *shape // the types compiled, by NewService
	newInput      func() any
	do            func(context.Context, any) (any, error)
	on            func(context.Context, any) []Ask // nil: open to every caller
	tags          tagFields
}

// Service is one AWS service as a door serves it: its operations bound, its faults named.
type Service struct {
	api    *API
	faults Faults
	bound  map[string]*Binding
	routes routes // of a service that speaks RestJSON

	maxBody int64
}

// Takes has the service take requests of so many bytes, where that is more than Config.MaxBody. It is for NewService's
// caller, before the service is used.
func (s *Service) Takes(maxBody int64) *Service {
	s.maxBody = maxBody
	return s
}

// NewService puts a door's bindings together. It panics on an operation bound twice or
// of another service, which only a wrong program can do.
func NewService(api *API, faults Faults, bindings ...Binding) *Service {
	s := &Service{api: api, faults: faults, bound: map[string]*Binding{}}
	types := newCompiler(api.Rules)
	for _, b := range bindings {
		if b.api != api {
			panic(fmt.Sprintf("awswire: %s:%s bound in the door of %s", b.api.Name, b.name, api.Name))
		}
		if _, twice := s.bound[b.name]; twice {
			panic(fmt.Sprintf("awswire: %s:%s is bound twice", api.Name, b.name))
		}
		b.in, b.out = types.compile(use{typ: b.input}), types.compile(use{typ: b.output})
		b.tags = findTagFields(b.in)
		s.bound[b.name] = &b
		if s.speaks(RestJSON) {
			s.routes.add(&b)
		}
	}
	for _, p := range api.Unserved {
		s.routes.add(&Binding{operation: operation{api: api, name: p.Operation, method: p.Method, uri: p.URI}})
	}
	return s
}

// Unbound returns the operations with generated shapes that the door does not bind. They answer
// "not supported" like those without shapes, but a finished door has none.
func (s *Service) Unbound() []string {
	var names []string
	for _, op := range s.api.served {
		if _, ok := s.bound[op.Name]; !ok {
			names = append(names, op.Name)
		}
	}
	return names
}

// API is the service that the door serves.
func (s *Service) API() *API { return s.api }

// Operation is one of those that a door serves.
type Operation struct {
	Name   string
	Method string       // of HTTP, where restJson1 has it
	URI    string       // the path there, with labels: "/things/{Name}"
	Input  reflect.Type // a generated struct
	Open   bool         // every caller who signed may do it
}

// Served returns the operation of a name, if it is one with generated shapes.
func (a *API) Served(name string) (Operation, bool) {
	i := slices.IndexFunc(a.served, func(op Operation) bool { return op.Name == name })
	if i < 0 {
		return Operation{}, false
	}
	return a.served[i], true
}

// Bound lists the operations that the door serves, by name.
func (s *Service) Bound() []Operation {
	list := make([]Operation, 0, len(s.bound))
	for _, name := range slices.Sorted(maps.Keys(s.bound)) {
		b := s.bound[name]
		list = append(list, Operation{name, b.method, b.uri, b.input, b.on == nil})
	}
	return list
}

// name is "" for no service, which is where requests begin.
func (s *Service) name() string {
	if s == nil {
		return ""
	}
	return s.api.Name
}

func (s *Service) speaks(p Protocol) bool { return slices.Contains(s.api.Protocols, p) }

// has reports whether the service has the operation at all, served or not.
func (a *API) has(name string) bool {
	_, found := slices.BinarySearch(a.Operations, name)
	return found
}
