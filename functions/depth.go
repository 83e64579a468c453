package functions

import (
	"context"
	"sync"

	"slipway/store"
)

// depths is how many calls wait, as this server knows it: it counts those that it writes down, and looks now and
// then how many there are.
type depths struct {
	config CallConfig

	mu        sync.Mutex
	functions map[string]int
	accounts  map[string]depth
}

type depth struct {
	calls int
	bytes int64
}

// admit counts a call in, or returns a Throttle if too many wait.
func (d *depths) admit(c *call) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.accounts[c.Account]
	size := int64(len(c.Payload))
	if d.functions[c.Function] >= d.config.MaxWaiting || a.calls >= d.config.MaxAccount || a.bytes+size > d.config.MaxBytes {
		return &Throttle{Reason: ReasonQueue, RetryAfter: 10}
	}
	if d.functions == nil {
		d.functions, d.accounts = map[string]int{}, map[string]depth{}
	}
	d.functions[c.Function]++
	d.accounts[c.Account] = depth{a.calls + 1, a.bytes + size}
	return nil
}

// ended counts a call out, as far as it was counted in.
func (d *depths) ended(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.functions[c.Function]; n > 1 {
		d.functions[c.Function] = n - 1
	} else {
		delete(d.functions, c.Function)
	}
	if a := d.accounts[c.Account]; a.calls > 1 {
		d.accounts[c.Account] = depth{a.calls - 1, max(0, a.bytes-int64(len(c.Payload)))}
	} else {
		delete(d.accounts, c.Account)
	}
}

// recount looks how many calls wait: other servers write down calls, too, and make them.
func (q *queue) recount(ctx context.Context) error {
	var functions map[string]int
	var accounts map[string]depth
	err := q.db.View(ctx, func(tx *store.Tx) (err error) {
		functions, accounts, err = countCalls(tx)
		return err
	})
	if err != nil {
		return err
	}
	q.depths.mu.Lock()
	defer q.depths.mu.Unlock()
	q.depths.functions, q.depths.accounts = functions, accounts
	return nil
}
