package policy

import "strings"

// Evaluate decides a request. It stops at the first explicit deny, and allocates nothing by itself
// unless a policy variable needs uncommonly much room.
//
// Source: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic".
func Evaluate(r *Request, p *Policies) Decision {
	e := newEvaluation(r)
	var f findings
	for _, layer := range examined {
		if e.ask(layer, p, &f[layer]); f[layer].outcome == ExplicitlyDenied {
			break
		}
	}
	return e.decide(p, &f)
}

// evaluation is a request, prepared.
type evaluation struct {
	*Request
	who    *Principal
	vendor string // of the action, in lower case
	parts  arnParts
	isARN  bool
}

var stranger = Principal{Type: Anonymous}

func newEvaluation(r *Request) evaluation {
	e := evaluation{Request: r, who: r.Principal}
	if e.who == nil {
		e.who = &stranger
	}
	vendor, _, _ := strings.Cut(r.Action, ":")
	e.vendor = strings.ToLower(vendor)
	e.parts, e.isARN = splitARN(r.Resource)
	return e
}

// finding is what one layer says: of several statements the one that decides.
type finding struct {
	outcome   Outcome
	grant     grant // how the statement names the caller
	policy    *Attached
	statement int
}

type findings [len(layerNames)]finding

// examined are the layers in the order in which they are asked, which is that in which one of them
// is named as the reason of a denial.
var examined = [...]Layer{ControlLayer, ResourceLayer, TrustLayer, IdentityLayer, BoundaryLayer, SessionLayer}

// ask finds what a layer says. One that sets no limit to the caller allows.
func (e *evaluation) ask(l Layer, p *Policies, f *finding) {
	switch {
	case l == ResourceLayer || l == TrustLayer:
		if p.Resource != nil && l == resourceLayer(p) {
			e.consider(p.Resource, f)
		}
	case !e.limits(l, p):
		f.outcome = Allowed
	case l == ControlLayer:
		e.askControl(p.Control, f)
	case l == IdentityLayer:
		e.askList(p.Identity, f)
	case l == BoundaryLayer:
		e.consider(p.Boundary, f)
	case l == SessionLayer:
		e.askList(p.Session, f)
	}
}

// limits reports whether a layer has to allow what the caller does.
func (e *evaluation) limits(l Layer, p *Policies) bool {
	switch {
	case e.who.Type == Service, e.who.Type == Anonymous, e.who.Type == Root && l != ControlLayer:
		return false
	case l == ControlLayer:
		return len(p.Control) > 0
	case l == BoundaryLayer:
		return p.Boundary != nil
	case l == SessionLayer:
		return p.HasSession || len(p.Session) > 0 || e.who.Type == FederatedUser
	}
	return true
}

// resourceLayer is the layer of the policy of the resource.
func resourceLayer(p *Policies) Layer {
	if p.Resource != nil && p.Resource.Document != nil && p.Resource.Document.kind == Trust {
		return TrustLayer
	}
	return ResourceLayer
}

// askControl wants every level to allow.
func (e *evaluation) askControl(levels [][]Attached, f *finding) {
	lacking := false
	for _, level := range levels {
		*f = finding{}
		e.askList(level, f)
		if f.outcome == ExplicitlyDenied {
			return
		}
		lacking = lacking || f.outcome != Allowed
	}
	if lacking {
		*f = finding{}
	}
}

func (e *evaluation) askList(list []Attached, f *finding) {
	for i := range list {
		if e.consider(&list[i], f); f.outcome == ExplicitlyDenied {
			return
		}
	}
}

// consider adds what a policy says to a finding.
func (e *evaluation) consider(a *Attached, f *finding) {
	if a.Document == nil {
		return
	}
	e.considerSome(a, a.Document.index[e.vendor], f)
	e.considerSome(a, a.Document.rest, f)
}

func (e *evaluation) considerSome(a *Attached, statements []int, f *finding) {
	for _, i := range statements {
		s := &a.Document.statements[i]
		if f.outcome == ExplicitlyDenied || !s.deny && f.grant == namesCaller {
			continue // it could not change the finding
		}
		how := e.applies(s)
		switch {
		case how == notNamed:
		case s.deny:
			*f = finding{ExplicitlyDenied, how, a, i}
		case how > f.grant:
			*f = finding{Allowed, how, a, i}
		}
	}
}

// applies tells how a statement names the caller if it applies to the request.
func (e *evaluation) applies(s *statement) grant {
	if !s.does(e.Action) {
		return notNamed
	}
	how := s.names(e.who)
	if how == notNamed || !e.covers(s) {
		return notNamed
	}
	for i := range s.when {
		if !s.when[i].holds(e.Context, s.deny) {
			return notNamed
		}
	}
	return how
}

func (s *statement) does(action string) bool {
	for i := range s.actions {
		if s.actions[i].matchFold(action) {
			return !s.notDo
		}
	}
	return s.notDo
}

func (s *statement) names(who *Principal) grant {
	switch {
	case s.who == nil:
		return namesCaller
	case !s.notWho:
		return s.who.match(who)
	case s.who.excepts(who, s.deny):
		return notNamed
	}
	return namesCaller
}

// covers reports whether the resource is one of those of a statement. A resource that cannot be
// told for want of a variable's value is held against the caller.
func (e *evaluation) covers(s *statement) bool {
	if s.onAny {
		return true
	}
	seen := no
	for i := range s.on {
		switch s.on[i].match(e.Context, e.Resource, &e.parts, e.isARN) {
		case yes:
			return !s.notOn
		case unresolved:
			seen = unresolved
		}
	}
	return s.notOn && (seen == no || s.deny)
}

// decide puts the findings of all layers together.
func (e *evaluation) decide(p *Policies, f *findings) Decision {
	for _, layer := range examined {
		if f[layer].outcome == ExplicitlyDenied {
			return f.decision(layer)
		}
	}
	trust := resourceLayer(p)
	switch {
	case f[ControlLayer].outcome != Allowed:
		return f.decision(ControlLayer)
	case e.who.Type == Service, e.who.Type == Anonymous:
		return f.decision(trust)
	case e.ResourceAccount != "" && e.ResourceAccount != e.who.Account:
		return e.across(f, trust)
	}
	return e.within(f, trust)
}

// decision is that of a layer.
func (f *findings) decision(l Layer) Decision {
	return Decision{Outcome: f[l].outcome, By: l, Policy: f[l].policy, Statement: f[l].statement}
}

// within decides about a resource of the caller's own account.
func (e *evaluation) within(f *findings, resource Layer) Decision {
	switch grant := f[resource].grant; {
	case grant == namesCaller:
		return f.decision(resource)
	case grant == namesIssuer:
		return f.first(resource, BoundaryLayer, SessionLayer)
	case grant == notNamed && resource == TrustLayer:
		return f.decision(TrustLayer)
	}
	return e.own(f)
}

// across decides about a resource of another account: both sides have to allow.
func (e *evaluation) across(f *findings, resource Layer) Decision {
	if own := e.own(f); own.Outcome != Allowed {
		return own
	}
	return f.decision(resource)
}

// own is what the policies of the caller's account make of it.
func (e *evaluation) own(f *findings) Decision {
	if e.who.Type == Root {
		return Decision{Outcome: Allowed, By: NoLayer}
	}
	return f.first(IdentityLayer, IdentityLayer, BoundaryLayer, SessionLayer)
}

// first is the decision of the first of some layers that does not allow, and otherwise that of the
// layer that grants.
func (f *findings) first(grants Layer, limits ...Layer) Decision {
	for _, l := range limits {
		if f[l].outcome != Allowed {
			return f.decision(l)
		}
	}
	return f.decision(grants)
}
