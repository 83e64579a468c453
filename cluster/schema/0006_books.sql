-- The books of a machine: what its tasks below STOPPED hold of it, and a number that grows with all that a
-- placement sees of it. Of two changes the later to be committed has the greater number, whichever server made it.
create table books (
	node        text primary key,
	account     text not null,
	changes     bigint not null,
	held_cpu    bigint not null,
	held_memory bigint not null
);
create index books_account on books (account, changes);
insert into books (node, account, changes, held_cpu, held_memory)
	select i.id, i.account, 0, coalesce(sum(t.cpu), 0), coalesce(sum(t.memory), 0)
	from instances i left join tasks t on t.node = i.id and t.status < 8 group by i.id, i.account;

-- What tasks that were asked for alike have in common, by a digest of it.
create table task_models (
	id        text primary key,
	used      bigint not null, -- when tasks were last made of it, to within the hour
	overrides text not null, -- JSON of Overrides
	spec      text not null, -- JSON of Spec, as overridden
	images    text not null, -- JSON list of Image, one for each container of spec
	network   text not null -- JSON of VPC, '' for none
);
alter table tasks add column model text not null default '';
insert into task_models (id, used, overrides, spec, images, network) select id, created, overrides, spec, images, network from tasks;
update tasks set model = id;
alter table tasks drop column overrides;
alter table tasks drop column spec;
alter table tasks drop column images;
alter table tasks drop column network;

-- Why the latest tasks of a group found too few machines.
create table refused (
	account    text not null,
	cluster    text not null,
	task_group text not null,
	at         bigint not null,
	wanted     bigint not null, -- tasks
	placed     bigint not null,
	reasons    text not null, -- JSON: how many machines by reason
	machines   text not null, -- JSON list of refusals, the first of them
	primary key (account, cluster, task_group)
);
create index refused_at on refused (account, at);

-- Which machine had the last turn where tasks go round.
create table placed_last (
	account    text not null,
	cluster    text not null,
	task_group text not null,
	node       text not null,
	primary key (account, cluster, task_group)
);

drop index tasks_held;
drop index tasks_wanted;
-- What a session reads of the tasks of its node, without touching their rows.
create index tasks_live on tasks (node, desired, id) where status < 8;
