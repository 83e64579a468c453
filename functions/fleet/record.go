package fleet

import "time"

// Record is one execution, as it is written down. Records are kept in memory until they are handed over, once in
// Config.Flush or Config.Batch records: a fleet that is killed loses at most what came since, and one whose records
// nobody takes loses what comes after 64 batches.
type Record struct {
	At         time.Time // when it began in its sandbox
	Account    string
	Function   string // ARN, without a qualifier
	Version    string
	Release    string
	Request    string
	Sandbox    string
	Node       string
	Memory     int // MiB that it had
	Duration   time.Duration
	Wait       time.Duration // until it had a sandbox
	Stale      time.Duration // for how long there had been a newer release
	MemoryPeak int64         // bytes
	CPU        time.Duration
	Cold       *Cold  // what was done for it before it could begin; nil: its sandbox was there
	Error      string // "": the function answered; else the type of its failure, or "Host" where the machine failed
}

// record is what is written down of a call. It copies nothing that the call did not bring along.
func record(c *Call, r *Result, began time.Time, failure error) Record {
	d := Record{
		At: began, Account: c.Release.Account, Function: c.Release.Function, Version: r.Release.Version,
		Release: r.Release.ID, Request: c.Invocation.Request, Sandbox: r.Sandbox, Node: r.Node,
		Memory: r.Release.Memory, Duration: r.Duration, Wait: r.Wait, Stale: r.Stale,
		MemoryPeak: r.MemoryPeak, CPU: r.Outcome.CPU, Cold: r.Cold,
	}
	switch {
	case failure != nil:
		d.Error = "Host"
	case r.Error != nil:
		d.Error = r.Error.Type
	}
	return d
}

// Init is how long the init phase of the sandbox took that was made for the call; 0: it was there.
func (r *Record) Init() time.Duration {
	if r.Cold == nil {
		return 0
	}
	return r.Cold.Init.Init
}
