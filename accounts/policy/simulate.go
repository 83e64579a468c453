package policy

import "strings"

// Match is a statement that applies to a request.
type Match struct {
	Layer      Layer
	Policy     *Attached
	Statement  int    // its index in the document
	Sid        string // may be empty
	Deny       bool
	Start, End Position // of the statement in the text of its document, as IAM counts them
}

// Simulation is a decision with all that led to it.
type Simulation struct {
	Decision

	// Matched lists the statements that decided: all Deny statements that apply or, when the
	// request is allowed, all Allow statements.
	Matched []Match

	// Missing lists the condition keys and policy variables that the request has no value for, of
	// all statements with its principal, action and resource: each once, as it is spelled.
	Missing []string

	// Layers holds what each layer says by itself. One that sets no limit to the caller is not in
	// it, such as a permissions boundary that is not there.
	Layers map[Layer]Outcome

	// CrossAccount says that the resource belongs to another account than the caller.
	CrossAccount bool
}

// Simulate decides a request as Evaluate does, and tells all about it. It is for simulations and
// explanations, not for the path of requests.
//
// Source: IAM API Reference, SimulatePrincipalPolicy and EvaluationResult.
func Simulate(r *Request, p *Policies) Simulation {
	e := newEvaluation(r)
	var f findings
	s := &simulator{known: map[string]bool{}}
	s.Layers, s.CrossAccount = map[Layer]Outcome{}, e.foreign()
	for _, layer := range examined {
		e.ask(layer, p, &f[layer])
		if e.present(layer, p) {
			s.Layers[layer] = f[layer].outcome
			e.collect(layer, p, s)
		}
	}
	s.Decision = e.decide(p, &f)
	s.Matched = deciding(s.Matched, s.Outcome)
	return s.Simulation
}

type simulator struct {
	Simulation
	known map[string]bool // the keys in Missing, in lower case
}

func (e *evaluation) foreign() bool {
	return e.who.Account != "" && e.ResourceAccount != "" && e.ResourceAccount != e.who.Account
}

// present reports whether a layer has a say in the request.
func (e *evaluation) present(l Layer, p *Policies) bool {
	if l == ResourceLayer || l == TrustLayer {
		return p.Resource != nil && l == resourceLayer(p)
	}
	return e.limits(l, p)
}

// collect adds the statements of a layer that apply, and the keys they miss.
func (e *evaluation) collect(l Layer, p *Policies, s *simulator) {
	for _, a := range policiesOf(l, p) {
		if a.Document == nil {
			continue
		}
		for i := range a.Document.statements {
			st := &a.Document.statements[i]
			s.miss(e.missing(st))
			if e.applies(st) != notNamed {
				s.Matched = append(s.Matched, Match{l, a, i, st.sid, st.deny, st.start, st.end})
			}
		}
	}
}

func policiesOf(l Layer, p *Policies) (all []*Attached) {
	lists := [][]Attached{p.Identity}
	switch l {
	case ControlLayer:
		lists = p.Control
	case SessionLayer:
		lists = [][]Attached{p.Session}
	case BoundaryLayer:
		return append(all, p.Boundary)
	case ResourceLayer, TrustLayer:
		return append(all, p.Resource)
	}
	for _, list := range lists {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	return all
}

// missing lists the keys that a statement needs and the request lacks, if it may apply.
func (e *evaluation) missing(s *statement) (keys []string) {
	if !s.does(e.Action) || s.names(e.who) == notNamed {
		return nil
	}
	for i := range s.on {
		keys = append(keys, e.unsetIn(&s.on[i])...)
	}
	if len(keys) == 0 && !e.covers(s) {
		return nil
	}
	for i := range s.when {
		keys = append(keys, e.missingFor(&s.when[i])...)
	}
	return keys
}

func (e *evaluation) missingFor(c *condition) (keys []string) {
	if len(lookup(e.Context, c.key)) == 0 {
		keys = append(keys, c.name)
	}
	for _, o := range c.operands {
		switch o := o.(type) {
		case *textOperand:
			keys = append(keys, e.unset(&o.pattern)...)
		case *arnOperand:
			keys = append(keys, e.unsetIn(&o.arnPattern)...)
		}
	}
	return keys
}

// unset lists the variables of a pattern that have no value.
func (e *evaluation) unset(p *pattern) (keys []string) {
	names := p.keys
	for _, piece := range p.pieces {
		if piece.kind != varPiece {
			continue
		}
		if _, ok := variable(e.Context, piece); !ok {
			keys = append(keys, names[0])
		}
		names = names[1:]
	}
	return keys
}

func (e *evaluation) unsetIn(a *arnPattern) (keys []string) {
	for i := range a.parts {
		keys = append(keys, e.unset(&a.parts[i])...)
	}
	return keys
}

// miss adds keys that are not yet listed.
func (s *simulator) miss(keys []string) {
	for _, name := range keys {
		if key := strings.ToLower(name); !s.known[key] {
			s.known[key] = true
			s.Missing = append(s.Missing, name)
		}
	}
}

// deciding keeps the statements that led to an outcome.
func deciding(matched []Match, outcome Outcome) (kept []Match) {
	for _, m := range matched {
		if outcome != ImplicitlyDenied && m.Deny == (outcome == ExplicitlyDenied) {
			kept = append(kept, m)
		}
	}
	return kept
}
