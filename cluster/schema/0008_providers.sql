-- Capacity providers: names that stand for sets of machines.
create table providers (
	account       text not null,
	name          text not null,
	machines      text not null, -- the ARN or name of the group of machines, as it was given
	machine_group text not null, -- the name of that group
	settings      text not null, -- JSON of ProviderSettings
	created       bigint not null,
	updated       bigint not null, -- 0: never
	primary key (account, name)
);
create unique index providers_group on providers (account, machine_group);

-- The providers of a cluster, in the order in which they were given.
create table cluster_providers (
	account  text not null,
	cluster  text not null,
	provider text not null,
	position bigint not null,
	primary key (account, cluster, provider)
);
create index cluster_providers_of on cluster_providers (account, provider);

-- JSON of the shares by which tasks are divided that say nothing of it; '' for none.
alter table clusters add column strategy text not null default '';

-- The provider by which a task was placed, '' for none. Written once.
alter table tasks add column provider text not null default '';
create index tasks_of_provider on tasks (account, cluster, provider) where status < 8 and provider <> '';

-- What an account, or one of its principals, has set of how the service behaves to it.
create table settings (
	account   text not null,
	principal text not null, -- ARN, '' for all who have set nothing of their own
	name      text not null,
	value     text not null,
	primary key (account, principal, name)
);

-- JSON of where the tasks were wanted, '' for nowhere special.
alter table task_models add column placement text not null default '';
