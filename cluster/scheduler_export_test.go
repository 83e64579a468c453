package cluster

import "time"

// SetLineLife says how long lines of schedulers last.
func (c *Control) SetLineLife(d time.Duration) { c.schedulers.life = d }
