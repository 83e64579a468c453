package fleet

import "time"

// Config is what a fleet is made with. Room is needed; the rest may be left out.
type Config struct {
	Room    Room
	Records func([]Record)  // takes executions in their order; the slice is its own only until it returns
	Tell    func(Happening) // is told in order, and may block for a while
	Policy  KeepAlive

	Warm       int  // sandboxes that wait in each pool that is in use; negative: none. 1 by default
	WarmMemory int  // MiB of each; 128 by default
	HardCPU    bool // a sandbox never has more cpu than goes with its memory, not even of an idle machine
	Refill     int  // sandboxes that are added when one leaves a pool; 1 by default

	MaxAge  time.Duration // of a sandbox; 4 h by default. A busy function's is replaced before it goes
	Wait    time.Duration // of a call for which nothing is being started; 10 s by default
	Waiting int           // calls of a function that may wait; 1,000 by default
	Start   time.Duration // for all of a sandbox's start, with the pull of its image; 10 min by default
	Swap    time.Duration // for which the older still helps out once the newer is ready; 10 s by default
	Flush   time.Duration // between records that are handed over; 1 s by default
	Batch   int           // records that are handed over at once; 1,024 by default
}

func (c Config) filled() Config {
	if c.Records == nil {
		c.Records = func([]Record) {}
	}
	if c.Tell == nil {
		c.Tell = func(Happening) {}
	}
	if c.Policy == nil {
		c.Policy = Growing{Least: 2 * time.Minute, Each: 30 * time.Second, Most: 30 * time.Minute}
	}
	or(&c.Warm, 1)
	or(&c.WarmMemory, 128)
	or(&c.Refill, 1)
	or(&c.Waiting, 1000)
	or(&c.Batch, 1024)
	or(&c.MaxAge, 4*time.Hour)
	or(&c.Wait, 10*time.Second)
	or(&c.Start, 10*time.Minute)
	or(&c.Swap, 10*time.Second)
	or(&c.Flush, time.Second)
	return c
}

func or[T int | time.Duration](v *T, otherwise T) {
	if *v == 0 {
		*v = otherwise
	}
}
