package accounts

import (
	"context"

	"slipway/store"
)

// Summary counts what an account has. Its quotas do not change.
type Summary struct {
	Entities map[Kind]int
	Versions int // of all managed policies together
	RootKeys int // active access keys of root
}

// Summary counts what an account has.
func (c *Control) Summary(ctx context.Context, account string) (s Summary, err error) {
	s.Entities = map[Kind]int{}
	err = c.db.View(ctx, func(tx *store.Tx) error {
		counts, err := numbers(tx, `select kind, count(*) from entities where account = $1 group by kind`, account)
		if err != nil {
			return err
		}
		for kind, n := range counts {
			s.Entities[Kind(kind)] = n
		}
		err = tx.Row(`select count(*) from policy_versions v join entities e on e.id = v.policy where e.account = $1`, account).Scan(&s.Versions)
		if err != nil {
			return err
		}
		return tx.Row(`select count(*) from access_keys where account = $1 and owner = 'root' and status = 'active'`, account).Scan(&s.RootKeys)
	})
	return s, err
}
