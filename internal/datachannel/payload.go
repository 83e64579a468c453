package datachannel

// Open is the first thing that is said on a channel, as text: by which token it is opened.
type Open struct {
	MessageSchemaVersion string `json:"MessageSchemaVersion"`
	RequestID            string `json:"RequestId"`
	TokenValue           string `json:"TokenValue"`
	ClientID             string `json:"ClientId"`
	ClientVersion        string `json:"ClientVersion"`
}

// String hides the token.
func (o Open) String() string { return "opening of a data channel by " + o.ClientID }

// GoString is String.
func (o Open) GoString() string { return o.String() }

// TerminalSize is the payload of a Size.
type TerminalSize struct {
	Cols uint32 `json:"cols"`
	Rows uint32 `json:"rows"`
}

// Types of sessions.
const (
	Interactive    = "InteractiveCommands"
	NonInteractive = "NonInteractiveCommands"
)

// Request is the payload of a HandshakeRequest.
type Request struct {
	AgentVersion           string   `json:"AgentVersion"`
	RequestedClientActions []Action `json:"RequestedClientActions"`
}

// Action is what the other side is to do.
type Action struct {
	ActionType       string `json:"ActionType"`
	ActionParameters any    `json:"ActionParameters"`
}

// SessionType are the parameters of the action of that name.
type SessionType struct {
	SessionType string `json:"SessionType"`
	Properties  any    `json:"Properties"`
}

// Begin is the request that begins a session of a type.
func Begin(sessionType string) Request {
	return Request{AgentVersion: "3.3.0.0", RequestedClientActions: []Action{{"SessionType", SessionType{SessionType: sessionType}}}}
}

// Response is the payload of a HandshakeResponse.
type Response struct {
	ClientVersion          string      `json:"ClientVersion"`
	ProcessedClientActions []Processed `json:"ProcessedClientActions"`
	Errors                 []string    `json:"Errors"`
}

// Processed is an action that was done: with status 1, if it could be.
type Processed struct {
	ActionType   string `json:"ActionType"`
	ActionStatus int    `json:"ActionStatus"`
	ActionResult any    `json:"ActionResult"`
	Error        string `json:"Error"`
}

// Complete is the payload of a HandshakeComplete.
type Complete struct {
	HandshakeTimeToComplete int64  `json:"HandshakeTimeToComplete"` // nanoseconds
	CustomerMessage         string `json:"CustomerMessage"`
}

// acknowledgement is the payload of an Acknowledge.
type acknowledgement struct {
	MessageType    string `json:"AcknowledgedMessageType"`
	MessageID      string `json:"AcknowledgedMessageId"`
	SequenceNumber int64  `json:"AcknowledgedMessageSequenceNumber"`
	IsSequential   bool   `json:"IsSequentialMessage"`
}

// Closed is the payload of a ChannelClose.
type Closed struct {
	MessageID     string `json:"MessageId"`
	CreatedDate   string `json:"CreatedDate"`
	DestinationID string `json:"DestinationId"`
	SessionID     string `json:"SessionId"`
	MessageType   string `json:"MessageType"`
	SchemaVersion int    `json:"SchemaVersion"`
	Output        string `json:"Output"`             // why, for people; "": the program ended
	ExitCode      *int   `json:"ExitCode,omitempty"` // of the program: Slipway's own
}
