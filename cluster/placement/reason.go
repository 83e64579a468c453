package placement

// Reason says why a machine cannot take a task; "" says that it can.
type Reason string

// The reasons, in the order in which they are looked for.
// Source: Amazon ECS Developer Guide, "Amazon ECS API failure reasons".
const (
	Missing  Reason = "MISSING" // there is no such machine
	NoAgent  Reason = "AGENT"   // it is not connected
	Draining Reason = "DRAINING"
	Inactive Reason = "INACTIVE" // it is no member any more
	Reserved Reason = "RESERVED" // it is kept free for others, who have waited for long
	NoCPU    Reason = "RESOURCE:CPU"
	NoMemory Reason = "RESOURCE:MEMORY"
	NoDisk   Reason = "RESOURCE:DISK"
	NoPorts  Reason = "RESOURCE:PORTS"
	Lacking  Reason = "ATTRIBUTE" // it is another kind of machine

	NotMember   Reason = "MemberOf placement constraint unsatisfied."
	NotTagged   Reason = "Tagged placement constraint unsatisfied."
	NotTogether Reason = "Together placement constraint unsatisfied."
	NotDistinct Reason = "DistinctInstance placement constraint unsatisfied."

	Invalid Reason = "INVALID" // the request can be met by no machine; Request.Check says why
)

// Refusal is a machine that could not take a task.
type Refusal struct {
	Node   string
	Reason Reason
	Detail string `json:",omitempty"` // "512 CPU units are needed, 300 are left"

	Needed, Left, All int `json:",omitempty"` // of the resource that was short: what the machine had left, and in all
}
