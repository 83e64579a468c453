package cluster

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"
	"unicode"

	"slipway/cluster/placement"
	"slipway/nodeapi"
	"slipway/store"
)

// Load is how much of a machine is in use, by its tasks and by whatever else is on it: shares of 0 to 1.
type Load struct {
	CPU    float64
	Memory float64
	At     time.Time // when it was told; zero: it is not known
}

// reportMachine writes down what a report says beside that of tasks.
func (c *Control) reportMachine(ctx context.Context, r nodeapi.Report) error {
	if len(r.Prefetches) > 0 {
		if err := c.fetched(ctx, r.Node, r.Prefetches); err != nil {
			return err
		}
	}
	if r.Machine == nil {
		return nil
	}
	return c.told(ctx, r.Node, *r.Machine)
}

// told writes down how a node's machine is. It comes often and is cheap to lose: a session that begins anew
// tells it anew. What is of a former session, or older than what was told, counts for nothing.
func (c *Control) told(ctx context.Context, node string, m nodeapi.Machine) error {
	return c.db.UpdateSoon(ctx, func(tx *store.Tx) error {
		var before, account, cluster string
		err := tx.Row(`select trouble, account, cluster from instances where id = $1 and session = $2 and session <> '' and told < $3`, node, m.Session, m.Number).Scan(&before, &account, &cluster)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = writeTold(tx, node, m)
		}
		if trouble := readable(m.Trouble); err == nil && trouble != before {
			err = c.troubled(tx, Instance{ID: node, Account: account, Cluster: cluster, Trouble: trouble})
		}
		return err
	})
}

func writeTold(tx *store.Tx, node string, m nodeapi.Machine) error {
	var load nodeapi.Load
	var at int64
	if m.Load != nil {
		load, at = *m.Load, store.Micros(tx.Now)
	}
	_, err := tx.Exec(`update instances set told = $2, load_cpu = $3, load_memory = $4, load_at = $5, trouble_at = case when trouble_at = 0 then $6 else trouble_at end where id = $1`,
		node, m.Number, thousandths(load.CPU), thousandths(load.Memory), at, store.Micros(tx.Now))
	return err
}

// thousandths keeps a share that a node tells between 0 and 1.
func thousandths(share float64) int64 {
	if math.IsNaN(share) {
		return 0
	}
	return int64(math.Round(1000 * min(1, max(0, share))))
}

func loadOf(cpu, memory, at int64) Load {
	if at == 0 {
		return Load{}
	}
	return Load{CPU: float64(cpu) / 1000, Memory: float64(memory) / 1000, At: store.Time(at)}
}

// known is the load as placement takes it.
func (l Load) known() placement.Load {
	return placement.Load{CPU: l.CPU, Memory: l.Memory, Known: !l.At.IsZero()}
}

// readable is a text of a node's, as far as it fits into a column and onto a line.
func readable(text string) string {
	const most = 500
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	runes := []rune(text)
	return string(runes[:min(len(runes), most)])
}
