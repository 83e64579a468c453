package functions

import (
	"time"

	"slipway/nodeapi"
)

// call is a call that is made later than it was accepted.
type call struct {
	ID        string
	Account   string // whose function it is
	Function  string // its ARN, without a qualifier; or that of the bucket that is told of how a call ended
	Qualifier string // as it was called; "": without one
	Payload   []byte
	Context   string // of the client; of a letter to a bucket its key
	Trace     string
	Depth     int // how many destinations led to it
	Accepted  time.Time
	Runs      int // how often it was made
	Failures  int // how often its function failed
	Refusals  int // how often in a row it could not be made

	holder string // of the row that is written
	rules  rules  // as they were when it was read
}

// ARN is that of the function as it was called.
func (c *call) ARN() string {
	if c.Qualifier == "" {
		return c.Function
	}
	return c.Function + ":" + c.Qualifier
}

// rules are what the owner of a function says of calls of it that are made later.
type rules struct {
	Retries   int           // after the function failed
	MaxAge    time.Duration // after which a call is given up
	OnSuccess string        // ARN of the function that is told; "": nobody is
	OnFailure string
}

// usualRules are those of functions for which nothing was said. Source: Lambda API, PutFunctionEventInvokeConfig.
var usualRules = rules{Retries: 2, MaxAge: 6 * time.Hour}

// result is what became of a call that was made once.
type result struct {
	kind    resultKind
	version string // that was executed
	payload []byte // what the function answered
	reason  string // why it did not end well, as people read it
	failure *nodeapi.FunctionError
}

// resultKind is all that decides what happens next.
type resultKind int

const (
	answered resultKind = iota // the function answered
	failed                     // the function failed, as it would again
	refused                    // no machine took it, or took it and was lost: not the function's doing
	disabled                   // its owner lets the function not be called
	gone                       // there is no such function, version or alias any more
	expired                    // it was too old to be made
	cutOff                     // this server ends
)
