package functions

import (
	"context"
	"time"

	"slipway/functions/fleet"
	"slipway/nodeapi"
)

// Target is what a call runs, as it was when it was resolved. It is shared by many calls and must not be changed.
type Target struct {
	Account  string // whose function it is
	Name     string
	Function string // ARN, without a qualifier
	ARN      string // as it was called: with the qualifier, if there was one
	Version  string // "$LATEST" or a number

	Release *fleet.Release
	Line    string // what may move from release to release: "" where a version was named
	Since   time.Time
	Moves   []time.Time // of the line, the last ones
	Stale   fleet.Staleness
	Limit   fleet.Limit

	ref    Ref    // by which it was found
	id     string // of the function
	number int64  // and its number then

	other *Target // of an alias that shares its calls
	share float64 // of the calls that go to other
}

// Images is what the room needs of registries.
type Images interface {
	// Runtime finds the image in which functions of a runtime run, such as "provided.al2023" on "x86_64". It returns
	// ErrRuntime where there is none here.
	Runtime(ctx context.Context, account, runtime, architecture string) (fleet.Image, error)
	// Find finds the image that a name stands for now, for an architecture. It returns ErrImage where it is not
	// there, is for another architecture, or is not for the account.
	Find(ctx context.Context, account, name, architecture string) (fleet.Image, error)
	// Login opens the registry for one pull of an image that Find has found; nil: it is open.
	Login(ctx context.Context, account string, i fleet.Image) (*nodeapi.Login, error)
}

// Roles lets functions act in the roles of their accounts.
type Roles interface {
	// Check returns ErrRole unless functions of the account may act in the role.
	Check(ctx context.Context, account, role string) error
	// Issue gives credentials of the role, good for at least so long.
	Issue(ctx context.Context, account, role, session string, life time.Duration) (nodeapi.Credentials, error)
}

// Fleet is what the room needs of a *fleet.Fleet.
type Fleet interface {
	Prepare(ctx context.Context, line string, r *fleet.Release, since time.Time, moves []time.Time) error
	Retire(account, function, release string)
	Invoke(ctx context.Context, c fleet.Call, w nodeapi.AnswerWriter) (fleet.Result, error)
	Provision(r *fleet.Release, n int)
	Provisioned(r *fleet.Release) fleet.Provisioned
}

// Resolve finds what a call of a function runs: name is any form of its name, and a qualifier in it or beside it a
// version or an alias. An alias that shares its calls among two versions gives either, by chance. It reads the
// database only where what it remembers may have changed. It returns ErrNoFunction, and ErrNotReady where the function
// cannot be called in the state that it is in.
func (c *Control) Resolve(ctx context.Context, account, name, qualifier string) (*Target, error) {
	r, err := c.ParseFunction(account, name, qualifier)
	if err != nil {
		return nil, err
	}
	return c.resolve(ctx, r)
}
