package policy

// Position is a place in the text of a document, both counted from 1; columns count characters.
type Position struct{ Line, Column int }

// Match is a statement that applies to a request.
type Match struct {
	Layer      Layer
	Policy     *Attached
	Statement  int    // its index in the document
	Sid        string // may be empty
	Deny       bool
	Start, End Position // of the statement in the text of its document
}

// Simulation is a decision with all that led to it.
type Simulation struct {
	Decision

	// Matched lists the statements that decided: all Deny statements that apply or, when there is
	// none, all Allow statements.
	Matched []Match

	// Missing lists the condition keys and variables that the request lacks, of all statements
	// whose principal, action and resource are those of the request; in order of appearance.
	Missing []string

	// Layers holds what each layer says alone. A layer without a policy is not in it.
	Layers map[Layer]Outcome

	// CrossAccount says that the resource belongs to another account than the caller.
	CrossAccount bool
}

// Simulate decides a request as Evaluate does, and tells all about it. It is for simulations and
// explanations, not for the path of requests.
//
// Source: IAM API Reference, SimulatePrincipalPolicy and EvaluationResult.
func Simulate(r *Request, p *Policies) Simulation {
	return Simulation{Decision: Evaluate(r, p)}
}
