package awswire

// Protocol is one of the AWS wire protocols.
type Protocol int

// The protocols that awswire speaks.
const (
	JSON10   Protocol = iota // awsJson1_0: POST / with X-Amz-Target
	JSON11                   // awsJson1_1: the same, another content type
	RestJSON                 // restJson1: method, path, query and headers carry members
	Query                    // awsQuery: a form in, XML out
	CBOR                     // smithy rpc-v2-cbor
)

// Style is the way a service words a broken constraint.
type Style int

// The styles, each named after where it is seen.
const (
	Coral    Style = iota // 1 validation error detected: Value 'x' at 'y' failed to satisfy constraint: ...
	Registry              // Invalid parameter at 'y' failed to satisfy constraint: '...' (ECR)
)

// API is one AWS service as its model describes it. Every value is written by api/gen.
type API struct {
	Name        string // its signing name, and the prefix of its actions: "ecs"
	ServiceID   string // "CloudWatch Logs"
	Version     string // "2014-11-13"
	Protocols   []Protocol
	Target      string // what X-Amz-Target has before its dot, without a namespace
	Namespace   string // of its XML
	Style       Style
	Invalid     string   // code of the fault for a broken constraint
	ServerFault string   // code of the fault for what nobody foresaw
	Throttled   string   // code of the fault for a caller who is too fast; "": ThrottlingException
	Global      bool     // one for all regions: us-east-1 may sign for it, too
	Rules       Rules    // the constraint table
	Operations  []string // all that the service has, served or not, sorted
	Unserved    []Path   // of a service that speaks RestJSON: where those are that are not served

	served []Operation // those with generated shapes, by NewOp
}

// Path is where restJson1 has an operation.
type Path struct{ Operation, Method, URI string }

// Rules is a constraint table: what the values of each named shape must satisfy.
type Rules map[string]Rule

// Rule is what one shape's values must satisfy beyond their Go type.
type Rule struct {
	Min, Max           *int64 // of a number's value, a string's length in characters, a list's, map's or blob's size
	Pattern            string // the whole string must match
	Sensitive          bool   // never repeat the value in a message
	Member, Key, Value string // rules of a list's elements, of a map's keys and of its values
}

// None is the output of an operation whose model has none. A handler returns nil for it.
type None struct{}
