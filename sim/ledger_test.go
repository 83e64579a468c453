package sim

import (
	"context"
	"database/sql"
	"fmt"

	"slipway/store"
)

// ledger is what the database itself notes of every act of the reconcilers, in the transaction of the act: no other
// look at it comes early enough to see exactly what the reconciler could see. What is wrong with an act goes into
// sim_wrong; sim_acts counts them.
//
// The bounds are those of package rollout: a start leaves at most the maximum of tasks, those on their way out counted
// and those of machines that have been away for long left out; a stop of a healthy task leaves at least the minimum of
// healthy ones. Healthy is what runs, is not found unwell, is not on its way out, and is on a machine that is reached.
var ledger = []string{
	`create table sim_wrong (text text not null)`,
	`create table sim_acts (kind text primary key, number int not null)`,
	`insert into sim_acts values ('starts', 0), ('stops', 0), ('leads', 0), ('ends', 0)`,

	`create view sim_bounds as select account, cluster, name, 'service:' || name as task_group, status, strategy,
		(json_extract(spec, '$.Desired') * json_extract(spec, '$.MinPercent') + 99) / 100 as least,
		json_extract(spec, '$.Desired') * json_extract(spec, '$.MaxPercent') / 100 as most,
		max(1, json_extract(spec, '$.MaxPercent') / 100) as each_most from services`,
	`create view sim_healthy as select t.account, t.cluster, t.task_group from tasks t join instances i on i.id = t.node
		where t.status < 8 and t.status = 4 and t.health in ('', 'HEALTHY') and t.desired < 8 and t.leaving = 0 and i.session <> ''`,

	`create trigger sim_start after insert on tasks when new.task_group like 'service:%' begin
		update sim_acts set number = number + 1 where kind = 'starts';
		insert into sim_wrong select 'a task of service ' || b.name || ' was started with ' || n || ' tasks there, and the maximum is ' || b.most from sim_bounds b,
			(select count(*) as n from tasks t join instances i on i.id = t.node
				where t.account = new.account and t.cluster = new.cluster and t.task_group = new.task_group and t.status < 8 and (i.session <> '' or i.changed > new.created - 60000000))
			where b.account = new.account and b.cluster = new.cluster and b.task_group = new.task_group and b.strategy = 'REPLICA' and n > b.most;
		insert into sim_wrong select 'a daemon of service ' || b.name || ' was started with ' || n || ' of them on its machine, and the maximum is ' || b.each_most from sim_bounds b,
			(select count(*) as n from tasks t where t.account = new.account and t.cluster = new.cluster and t.task_group = new.task_group and t.status < 8 and t.node = new.node)
			where b.account = new.account and b.cluster = new.cluster and b.task_group = new.task_group and b.strategy = 'DAEMON' and n > b.each_most;
		insert into sim_wrong select 'a task of service ' || b.name || ' was started, and the service is ' || b.status from sim_bounds b
			where b.account = new.account and b.cluster = new.cluster and b.task_group = new.task_group and b.status <> 'ACTIVE';
		insert into sim_wrong select 'a task of ' || new.task_group || ' was started by ' || new.started_by || ', which is no primary deployment'
			where not exists (select 1 from deployments d where d.id = new.started_by and d.status = 'PRIMARY');
		insert into sim_wrong select 'a task of ' || new.task_group || ' was started on machine ' || i.id || ', which is ' || i.status || ' in session ' || i.session from instances i
			where i.id = new.node and (i.status <> 'ACTIVE' or i.session = '');
		insert into sim_wrong select 'a task of ' || new.task_group || ' was started by a server that does not lead'
			where not exists (select 1 from cluster_leases l where l.name = 'services:' || new.account || '/' || new.cluster and l.until >= new.created);
	end`,

	`create trigger sim_stop after update of desired on tasks
		when new.task_group like 'service:%' and old.desired < 8 and new.desired = 8 and new.stop_code = 'ServiceSchedulerInitiated' begin
		update sim_acts set number = number + 1 where kind = 'stops';
		insert into sim_wrong select 'healthy task ' || new.id || ' of service ' || b.name || ' was stopped (' || new.stop_reason || ') with ' || n || ' healthy ones left, and the minimum is ' || b.least from sim_bounds b,
			(select count(*) as n from sim_healthy h where h.account = new.account and h.cluster = new.cluster and h.task_group = new.task_group)
			where b.account = new.account and b.cluster = new.cluster and b.task_group = new.task_group and b.status = 'ACTIVE' and n < b.least
				and old.status = 4 and old.health in ('', 'HEALTHY') and exists (select 1 from instances i where i.id = new.node and i.session <> '')
				and not (b.strategy = 'DAEMON' and new.stop_reason = 'The container instance is draining');
		insert into sim_wrong select 'task ' || new.id || ' of service ' || b.name || ' is protected, and was stopped: ' || new.stop_reason from sim_bounds b
			where b.account = new.account and b.cluster = new.cluster and b.task_group = new.task_group and b.status = 'ACTIVE' and new.protected > new.stop_asked and new.health <> 'UNHEALTHY';
		insert into sim_wrong select 'a task of ' || new.task_group || ' was stopped by a server that does not lead'
			where not exists (select 1 from cluster_leases l where l.name = 'services:' || new.account || '/' || new.cluster and l.until >= new.stop_asked);
	end`,

	`create trigger sim_lead after insert on cluster_leases begin update sim_acts set number = number + 1 where kind = 'leads'; end`,
	`create trigger sim_lead_again after update on cluster_leases when old.owner <> new.owner begin
		update sim_acts set number = number + 1 where kind = 'leads';
		insert into sim_wrong select 'the lease of ' || new.name || ' was taken over ' || (old.until - new.until + 6000000) || ' us before it was over' where old.until > new.until - 6000000;
	end`,
	`create trigger sim_end after update of status on services when old.status <> 'INACTIVE' and new.status = 'INACTIVE' begin
		update sim_acts set number = number + 1 where kind = 'ends';
		insert into sim_wrong select 'service ' || new.name || ' is over, and task ' || t.id || ' is left, which is not on its way out or is on a machine that is reached' from tasks t join instances i on i.id = t.node
			where t.account = new.account and t.cluster = new.cluster and t.task_group = 'service:' || new.name and t.status < 8 and (t.desired < 8 or i.session <> '');
	end`,
}

// keepLedger has the database note the acts of the reconcilers from now on.
func keepLedger(ctx context.Context, s *server) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for _, line := range ledger {
			if _, err := tx.Exec(line); err != nil {
				return fmt.Errorf("%w: %s", err, line)
			}
		}
		return nil
	})
}

// acts reads what reconcilers did, and fails for what of it was wrong and was not told yet.
func (b *books) acts(ctx context.Context, s *server) error {
	return s.db.View(ctx, func(tx *store.Tx) error {
		counts := map[string]int{}
		err := tx.Each(`select kind, number from sim_acts`, nil, func(rows *sql.Rows) error {
			var kind string
			var n int
			err := rows.Scan(&kind, &n)
			counts[kind] = n
			return err
		})
		if err != nil {
			return err
		}
		b.did = counts
		return tx.Each(`select rowid, text from sim_wrong where rowid > $1 order by rowid`, []any{b.told}, func(rows *sql.Rows) error {
			var text string
			if err := rows.Scan(&b.told, &text); err != nil {
				return err
			}
			b.w.truth.fail("%s", text)
			return nil
		})
	})
}
