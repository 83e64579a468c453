create table clusters (
	account text not null,
	name    text not null,
	status  text not null, -- ACTIVE, INACTIVE
	created bigint not null,
	primary key (account, name)
);

create table families (
	account text not null,
	name    text not null,
	last    bigint not null, -- revision
	primary key (account, name)
);

create table definitions (
	account       text not null,
	family        text not null,
	revision      bigint not null,
	status        text not null, -- ACTIVE, INACTIVE
	registered    bigint not null,
	registered_by text not null,
	deregistered  bigint not null,
	spec          text not null, -- JSON of Spec
	primary key (account, family, revision)
);

create table instances (
	id         text primary key, -- the node's own
	account    text not null,
	cluster    text not null, -- '' serves every cluster of the account
	status     text not null, -- ACTIVE
	registered bigint not null,
	-- written when the node joins
	version    text not null,
	engine     text not null,
	cpu        bigint not null,
	memory     bigint not null,
	ports      text not null, -- JSON: host ports that tasks must not have
	attributes text not null, -- JSON
	joins      bigint not null,
	-- written by its session
	session    text not null, -- '' when it has none
	seen       bigint not null, -- when the session last proved that it is alive
	changed    bigint not null -- when it came or went
);
create index instances_account on instances (account);

create table tasks (
	id         text primary key,
	account    text not null,
	cluster    text not null,
	family     text not null,
	revision   bigint not null,
	-- written by RunTask and StartTask, once
	node       text not null,
	created    bigint not null,
	task_group text not null,
	started_by text not null,
	launch     text not null, -- EC2, EXTERNAL
	overrides  text not null, -- JSON of Overrides
	spec       text not null, -- JSON of Spec, as overridden
	images     text not null, -- JSON list of Image, one for each container of spec
	cpu        bigint not null, -- what it holds of its node until it has stopped
	memory     bigint not null,
	ports      text not null, -- host ports it must have: "80/tcp 53/udp"
	-- desired: written by StopTask
	desired     bigint not null, -- as nodeapi.Status: RUNNING or STOPPED
	stop_code   text not null,
	stop_reason text not null,
	stop_asked  bigint not null,
	-- observed: written by Report
	status  bigint not null, -- as nodeapi.Status; only grows
	seen    text not null, -- JSON of nodeapi.TaskReport: all reports, merged
	bound   text not null, -- host ports it has: "32768/tcp"
	settled bigint not null -- when it was seen stopped
);
create index tasks_of_cluster on tasks (account, cluster, id);
-- What a placement and a session read of live tasks, without touching their rows.
create index tasks_held on tasks (account, node, cluster, status, cpu, memory) where status < 8;
create index tasks_wanted on tasks (account, node, desired, id, status) where status < 8;
create index tasks_ports on tasks (account, node) where status < 8 and (ports <> '' or bound <> '');
create index tasks_counted on tasks (account, cluster, status, launch) where status < 8;
create index tasks_over on tasks (settled) where status = 8;

create table run_tokens (
	account text not null,
	token   text not null,
	created bigint not null,
	request text not null, -- digest of what was asked
	tasks   text not null, -- JSON list of task ids
	refused text not null, -- JSON list of refusals
	primary key (account, token)
);
create index run_tokens_created on run_tokens (created);

create table tags (
	account  text not null,
	resource text not null, -- "cluster/NAME", "task/ID", "container-instance/ID", "task-definition/FAMILY:REVISION"
	key      text not null,
	value    text not null,
	primary key (account, resource, key)
);
