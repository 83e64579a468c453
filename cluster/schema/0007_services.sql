create table services (
	account    text not null,
	cluster    text not null,
	name       text not null,
	status     text not null, -- ACTIVE, DRAINING, INACTIVE: written by CreateService, DeleteService, and the reconciler at the end
	created    bigint not null,
	created_by text not null,
	ended      bigint not null default 0,
	strategy   text not null, -- REPLICA, DAEMON
	role       text not null,
	token      text not null, -- what the service was created with
	request    text not null, -- digest of what was asked then
	spec       text not null, -- JSON of ServiceSpec: CreateService, UpdateService; a rollback brings its revision back
	said       text not null default '', -- the last sentence about its state: the reconciler
	-- what has no place, since when, and why: the reconciler
	waits      bigint not null default 0,
	waits_since bigint not null default 0,
	refused    text not null default '', -- JSON list of refusals
	reserved   text not null default '', -- the machine that nobody else gets anything of
	primary key (account, cluster, name)
);
create index services_reserving on services (account) where reserved <> '';
create index services_live on services (account, cluster) where status <> 'INACTIVE';

create table deployments (
	id       text primary key, -- ecs-svc/NNN
	account  text not null,
	cluster  text not null,
	service  text not null,
	rollout  text not null unique, -- id of its record
	revision text not null unique, -- id of what it brings out
	family   text not null,
	number   bigint not null, -- of the definition
	created  bigint not null,
	spec     text not null, -- JSON of ServiceSpec as it was asked for
	sources  text not null, -- JSON list: what there was before
	-- written by CreateService and UpdateService (a new one is primary) and by the reconciler
	status   text not null, -- PRIMARY, ACTIVE, INACTIVE
	state    text not null, -- IN_PROGRESS, COMPLETED, FAILED; '' once it is on its way out
	reason   text not null,
	updated  bigint not null,
	target   bigint not null, -- how many tasks it is to have
	-- written by the reconciler
	completed bigint not null default 0,
	way_back  bigint not null default 0,
	failures  bigint not null default 0,
	failed    bigint not null default 0,
	retry     bigint not null default 0,
	steady    bigint not null default 0,
	-- the record of what became of it
	record        text not null, -- JSON
	record_status text not null
);
create index deployments_service on deployments (account, cluster, service, created);
create index deployments_definition on deployments (account, family, number) where status <> 'INACTIVE';

create table service_events (
	account text not null,
	cluster text not null,
	service text not null,
	number  bigint not null,
	id      text not null,
	created bigint not null,
	text    text not null,
	primary key (account, cluster, service, number)
);

-- Who does what only one server does at a time.
create table cluster_leases (
	name  text primary key,
	owner text not null,
	until bigint not null
);

-- Of tasks of services. Written by the reconciler: when it saw the task well first, whether it has taken notice of its
-- end, since when it leaves its balancers, and where it is to be moved ('-': anywhere else).
alter table tasks add column well bigint not null default 0;
alter table tasks add column counted bigint not null default 0;
alter table tasks add column leaving bigint not null default 0;
alter table tasks add column moves_to text not null default '';
-- Written by UpdateTaskProtection: until when no deployment stops it.
alter table tasks add column protected bigint not null default 0;
-- Written by Report: HEALTHY, UNHEALTHY, UNKNOWN; '' where the task has no health check.
alter table tasks add column health text not null default '';
-- Written by Report: when the task was seen running first.
alter table tasks add column ran bigint not null default 0;
create index tasks_of_service on tasks (account, cluster, task_group, started_by, status) where status < 8;
create index tasks_uncounted on tasks (account, cluster, task_group) where status = 8 and counted = 0;
