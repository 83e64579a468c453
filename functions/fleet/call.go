package fleet

import (
	"time"

	"slipway/nodeapi"
)

// Call is one call that is to be made.
type Call struct {
	// Release is what the caller named, as it is now.
	Release *Release
	// Line is what was named that may move from release to release: a function's $LATEST, or an alias. "" is a call
	// that named a version: it is pinned, and never runs in another. An alias that shares its calls among two
	// versions is a line for the one and pinned for the other, or the line would go to and fro.
	Line string
	// Since is when the line came to Release. A line never goes back to a release of an earlier Since.
	Since time.Time
	// Moves are when the line went from release to release, the last ones in their order, as far as it is known. The age
	// of what is superseded counts from the first that it did not see.
	Moves []time.Time
	// Stale says how long calls of the line may be answered by the release before it.
	Stale Staleness
	// Limit bounds how many calls may be under way.
	Limit Limit
	// Invocation is the call itself; its Sandbox is filled in by the fleet.
	Invocation nodeapi.Invocation
	// Began is told which release runs, before anything of an answer that is given as it comes. It must not wait. A call
	// that has not begun after all is told again. nil: nobody asks.
	Began func(*Release)
	// Kept is a call that goes on once it has begun, though whoever made it has gone: its sandbox is whole afterwards.
	Kept bool
}

// Limit says how many calls may be waiting or running at a time, over all of a fleet.
type Limit struct {
	Reserved   bool // Function is concurrency that was reserved for the function: it does not count in the account's
	Function   int  // calls of the function, where Reserved; 0 admits none
	Unreserved int  // calls of all functions of the account without reserved concurrency; 0: as many as come
}

// Result is how a call ended, and where.
type Result struct {
	nodeapi.Outcome
	Release *Release // that ran; nil if none did
	Sandbox string
	Node    string
	Stale   time.Duration // for how long there had been a newer release when the call began; 0: it was the newest
	Wait    time.Duration // until it had a sandbox
	Cold    *Cold         // what was done for it before it could begin; nil: the sandbox had been there
	// Unfit says that Error tells how the init phase failed: the function was not called.
	Unfit bool
}

// Cold is how a sandbox was made ready.
type Cold struct {
	Pooled bool          // it waited in the warming pool
	Place  time.Duration // until there was room for it
	Start  time.Duration // of its container
	Env    time.Duration // until there were credentials, beside the others
	Assign time.Duration // all of it, of which Init tells the parts
	Init   nodeapi.Init
}
