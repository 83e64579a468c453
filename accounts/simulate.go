package accounts

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slipway/accounts/policy"
	"slipway/internal/arn"
	"slipway/internal/errs"
	keyset "slipway/internal/page"
	"slipway/store"
)

// SimulationInput says what to simulate: every action on every resource, decided by the policies of
// Source, if one is named, and by those that come along.
type SimulationInput struct {
	Source     string   // ARN of a user, group or role of the account; "": only what comes along counts
	Policies   []string // identity-based policies
	Boundaries []string // the permissions boundary, in the place of Source's; at most one
	Actions    []string // "ecs:RunTask"
	Resources  []string // ARNs or "*"; none: "*"

	ResourcePolicy string // of every resource; ""; none
	ResourceOwner  string // ARN of the account of resources whose ARNs name none; "": the caller's
	Caller         string // ARN of the user who calls; "": Source, if it is a user
	Context        []ContextEntry
	Scenario       string // one of EC2's: all resources of an action are asked for together; "": one by one
}

// Simulated is what became of an action.
type Simulated struct {
	Action, Resource string
	policy.Simulation
	Each []Simulated // the resources one by one; none if the action was asked for on "*"
}

// How much one simulation takes. What is beyond is refused, so that a call has a bounded cost; how
// many results fit into a page depends on how long the policies are.
const (
	maxSimulatedPolicies = 100
	maxSimulatedSize     = RoleSize // of one policy: the most that can be stored, white space not counted
	maxSimulatedText     = 4 << 20  // bytes of policies that are looked at for one page
	maxScenario          = 100      // resources of one scenario
)

// scenarios are the values of ResourceHandlingOption. Source: IAM API Reference, SimulateCustomPolicy.
var scenarios = map[string]bool{
	"": true, "EC2-Classic-InstanceStore": true, "EC2-Classic-EBS": true, "EC2-VPC-InstanceStore": true,
	"EC2-VPC-InstanceStore-Subnet": true, "EC2-VPC-EBS": true, "EC2-VPC-EBS-Subnet": true,
}

// Simulate decides what would be allowed, and says why, without doing it. It returns the marker of
// the next page if there is one, and ErrNoEntity for a Source that is not there, ErrInput or
// ErrToken.
//
// Source: IAM API Reference, SimulatePrincipalPolicy and SimulateCustomPolicy.
func (c *Control) Simulate(ctx context.Context, account string, in SimulationInput, p Page) ([]Simulated, string, error) {
	s, err := c.newSimulation(ctx, account, in)
	if err != nil {
		return nil, "", err
	}
	return s.page(ctx, p)
}

// simulation is an input, checked and compiled.
type simulation struct {
	SimulationInput
	all      policy.Policies
	who      policy.Principal
	known    *conditions // of who calls; nil: nobody in particular
	given    givenKeys
	owner    string // account of resources whose ARNs name none
	size     int    // bytes of policies, at most
	together bool
}

func (c *Control) newSimulation(ctx context.Context, account string, in SimulationInput) (*simulation, error) {
	s := &simulation{SimulationInput: in, together: in.Scenario != ""}
	if len(s.Resources) == 0 {
		s.Resources = []string{"*"}
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := c.readSource(ctx, account, s); err != nil {
		return nil, err
	}
	for _, step := range []func() error{s.addPolicies, s.addContext, func() error { return s.call(account) }} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (in *SimulationInput) check() error {
	if !scenarios[in.Scenario] {
		return errs.Say(ErrInput, "Invalid value %s for ResourceHandlingOption.", in.Scenario)
	}
	if in.Scenario != "" && len(in.Resources) > maxScenario {
		return errs.Say(ErrInput, "ResourceArns has %d resources; with a ResourceHandlingOption it can have up to %d.", len(in.Resources), maxScenario)
	}
	for _, action := range in.Actions {
		service, name, _ := strings.Cut(action, ":")
		if service == "" || name == "" || strings.ContainsAny(action, "*? ") || strings.Contains(name, ":") {
			return errs.Say(ErrInput, "Invalid Action name: %s. It must be of the form service:operation, without wildcards.", action)
		}
	}
	for _, resource := range in.Resources {
		if _, err := arn.Parse(resource); err != nil && resource != "*" {
			return errs.Say(ErrInput, "Invalid Resource ARN: %s", resource)
		}
	}
	return nil
}

// readSource takes up the policies of the source, and who it is.
func (c *Control) readSource(ctx context.Context, account string, s *simulation) error {
	if s.Source == "" {
		return nil
	}
	return c.db.View(ctx, func(tx *store.Tx) error {
		e, err := readSource(tx, account, s.Source)
		if err != nil {
			return err
		}
		if s.all.Identity, s.all.Boundary, err = policiesOf(tx, e.ID); err != nil {
			return err
		}
		s.size = len(s.all.Identity) * ManagedSize
		tags, err := foldedTags(tx, e.ID)
		s.known = e.conditions(tags)
		return err
	})
}

// readSource finds the user, group or role that an ARN names.
func readSource(tx *store.Tx, account, source string) (Entity, error) {
	owner, kind, _, name, ok := parseEntityARN(source)
	if !ok || inlineSizes[kind] == 0 {
		return Entity{}, errs.Say(ErrInput, "Invalid Entity Arn: %s does not clearly define entity type and name.", source)
	}
	if owner != account {
		return Entity{}, noEntity(kind, name)
	}
	e, err := readEntity(tx, account, kind, name)
	if err == nil && e.ARN() != source { // the path counts
		err = noEntity(kind, name)
	}
	return e, err
}

// conditions are what is known of an entity that calls; nil for a group, which never does.
func (e Entity) conditions(tags map[string]string) *conditions {
	switch e.Kind {
	case KindUser:
		who := userPrincipal(e.Account, e.ID, e.Path, e.Name)
		return &conditions{who: &who, tags: tags}
	case KindRole:
		who := rolePrincipal(e.Account, e.ID, e.Name, "simulation")
		who.Session = &Session{Issuer: e.ARN()}
		return &conditions{who: &who, tags: tags}
	}
	return nil
}

// addPolicies compiles what comes along.
func (s *simulation) addPolicies() error {
	inputs, err := compileInputs("PolicyInputList", s.Policies, policy.Identity)
	if err != nil {
		return err
	}
	s.all.Identity = append(s.all.Identity, inputs...)
	if len(s.Boundaries) > 1 {
		return errs.Say(ErrInput, "You can specify only one permissions boundary policy.")
	}
	bounds, err := compileInputs("PermissionsBoundaryPolicyInputList", s.Boundaries, policy.Identity)
	if err != nil {
		return err
	}
	if len(bounds) > 0 {
		s.all.Boundary = &bounds[0]
	}
	for _, text := range slices.Concat(s.Policies, s.Boundaries) {
		s.size += len(text)
	}
	return s.addResourcePolicy()
}

func (s *simulation) addResourcePolicy() error {
	if s.ResourcePolicy == "" {
		return nil
	}
	a, err := compileInput("ResourcePolicy", s.ResourcePolicy, policy.Resource)
	s.all.Resource = &a
	s.size += len(s.ResourcePolicy)
	return err
}

// compileInputs compiles a list of policies, which are named after it: PolicyInputList.1.
func compileInputs(list string, texts []string, kind policy.Kind) ([]policy.Attached, error) {
	if len(texts) > maxSimulatedPolicies {
		return nil, errs.Say(ErrInput, "%s has %d policies; it can have up to %d.", list, len(texts), maxSimulatedPolicies)
	}
	all := make([]policy.Attached, len(texts))
	for i, text := range texts {
		var err error
		if all[i], err = compileInput(list+"."+strconv.Itoa(i+1), text, kind); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func compileInput(name, text string, kind policy.Kind) (policy.Attached, error) {
	doc, err := policy.Parse(text, kind)
	if err != nil {
		return policy.Attached{}, errs.Say(ErrInput, "%s: %v", name, err)
	}
	if policy.Size(text) > maxSimulatedSize {
		return policy.Attached{}, errs.Say(ErrInput, "%s: a policy can have up to %d characters, white space not counted.", name, maxSimulatedSize)
	}
	a := policy.Attached{Document: doc, Name: name}
	if kind == policy.Resource {
		a.Type = policy.SourceResource
	}
	return a, nil
}

// call settles who calls, and whose the resources are.
func (s *simulation) call(account string) error {
	s.who = policy.Principal{Type: policy.User, Account: account}
	if s.known != nil {
		s.who = s.known.who.subject()
	}
	if s.Caller != "" {
		caller, err := simulatedCaller(s.Caller, s.known)
		if err != nil {
			return err
		}
		s.known, s.who = caller, caller.who.subject()
	}
	if s.all.Resource != nil && (s.known == nil || s.who.Type != policy.User) {
		return errs.Say(ErrInput, "CallerArn is required with a ResourcePolicy, and has to be the ARN of an IAM user.")
	}
	s.owner = s.who.Account
	if s.ResourceOwner == "" {
		return nil
	}
	owner, err := arn.Parse(s.ResourceOwner)
	if err != nil || owner.Service != "iam" || owner.Resource != "root" || checkID(owner.Account) != nil {
		return errs.Say(ErrInput, "Invalid ResourceOwner: %s. It must be of the form arn:aws:iam::account-id:root.", s.ResourceOwner)
	}
	s.owner = owner.Account
	return nil
}

// simulatedCaller is a user who calls. Of one who is not the source nothing but the ARN is known.
func simulatedCaller(caller string, source *conditions) (*conditions, error) {
	account, kind, path, name, ok := parseEntityARN(caller)
	if !ok || kind != KindUser || checkID(account) != nil {
		return nil, errs.Say(ErrInput, "Invalid CallerArn: %s. It must be the ARN of an IAM user.", caller)
	}
	if source != nil && source.who.ARN == caller {
		return source, nil
	}
	who := userPrincipal(account, "", path, name)
	return &conditions{who: &who}, nil
}

// page decides the part of the combinations that a page holds, or as much of it as is fair.
func (s *simulation) page(ctx context.Context, p Page) ([]Simulated, string, error) {
	from, err := s.start(p.Marker)
	if err != nil {
		return nil, "", err
	}
	limit := p.Limit
	if limit == 0 {
		limit = 100
	}
	fair := max(1, maxSimulatedText/(s.size+1)/s.perResult())
	to := min(from+min(limit, fair), s.results())
	var list []Simulated
	for i := from; i < to; i++ {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		list = append(list, s.result(i))
	}
	next := ""
	if to < s.results() {
		next = keyset.Token(s.listing(), strconv.Itoa(to))
	}
	return list, next, nil
}

// listing names the simulation, so that the marker of one is not taken for that of another.
func (s *simulation) listing() string {
	return fmt.Sprintf("simulation of %q on %q by %q with %d policies", s.Actions, s.Resources, s.Source, len(s.Policies))
}

func (s *simulation) start(marker string) (int, error) {
	key, err := keyset.Key(s.listing(), marker)
	if key == "" && err == nil {
		return 0, nil
	}
	n, bad := strconv.Atoi(key)
	if err != nil || bad != nil || n < 0 || n > s.results() {
		return 0, errs.Say(ErrToken, "Invalid Marker.")
	}
	return n, nil
}

// results is how many there are in all, and perResult how many decisions each of them takes.
func (s *simulation) results() int {
	if s.together {
		return len(s.Actions)
	}
	return len(s.Actions) * len(s.Resources)
}

func (s *simulation) perResult() int {
	if s.together {
		return len(s.Resources)
	}
	return 1
}

func (s *simulation) result(i int) Simulated {
	if s.together {
		return s.scenario(s.Actions[i])
	}
	one := s.decide(s.Actions[i/len(s.Resources)], s.Resources[i%len(s.Resources)])
	if one.Resource != "*" {
		one.Each = []Simulated{one}
	}
	return one
}

// scenario asks for all resources together: the action is done if it may be done on each.
func (s *simulation) scenario(action string) Simulated {
	each := make([]Simulated, len(s.Resources))
	worst := 0
	for i, resource := range s.Resources {
		each[i] = s.decide(action, resource)
		if severity[each[i].Outcome] > severity[each[worst].Outcome] {
			worst = i
		}
	}
	all := each[worst]
	all.Each = each
	return all
}

// severity orders outcomes: what is forbidden comes before what is not allowed.
var severity = map[policy.Outcome]int{policy.Allowed: 0, policy.ImplicitlyDenied: 1, policy.ExplicitlyDenied: 2}

// decide decides one combination. A boundary grants nothing, so that what it allows decides nothing.
func (s *simulation) decide(action, resource string) Simulated {
	owner, _ := ownerOf(resource, s.owner)
	request := &policy.Request{Principal: &s.who, Action: action, Resource: resource, ResourceAccount: owner, Context: s.context(owner)}
	simulated := policy.Simulate(request, &s.all)
	simulated.Matched = slices.DeleteFunc(simulated.Matched, func(m policy.Match) bool { return m.Layer == policy.BoundaryLayer && !m.Deny })
	return Simulated{Action: action, Resource: resource, Simulation: simulated}
}
