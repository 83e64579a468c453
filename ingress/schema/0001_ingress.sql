-- What a thing is told at its making and later is one JSON text, body; tags are another. Times are microseconds.

create table ingress_balancers (
	arn     text   primary key,
	account text   not null,
	name    text   not null,
	body    text   not null,
	tags    text   not null,
	created bigint not null
);
create unique index ingress_balancers_name on ingress_balancers (account, name);

create table ingress_groups (
	arn     text   primary key,
	account text   not null,
	name    text   not null,
	body    text   not null,
	tags    text   not null,
	created bigint not null
);
create unique index ingress_groups_name on ingress_groups (account, name);

create table ingress_listeners (
	arn      text   primary key,
	account  text   not null,
	balancer text   not null references ingress_balancers (arn) on delete cascade,
	port     bigint not null,
	body     text   not null,
	tags     text   not null,
	created  bigint not null
);
create unique index ingress_listeners_port on ingress_listeners (balancer, port);

create table ingress_rules (
	arn      text   primary key,
	account  text   not null,
	listener text   not null references ingress_listeners (arn) on delete cascade,
	priority bigint not null,
	body     text   not null,
	tags     text   not null,
	created  bigint not null
);
create index ingress_rules_listener on ingress_rules (listener, priority);

create table ingress_targets (
	grp    text   not null references ingress_groups (arn) on delete cascade,
	id     text   not null, -- as it is registered: an address, or a machine
	host   text   not null, -- where it is
	port   bigint not null,
	owner  text   not null, -- the task that it is a port of; '': somebody registered it
	since  bigint not null,
	leaves bigint not null, -- when it is gone; 0: it stays
	primary key (grp, id, host, port)
);
create index ingress_targets_leaves on ingress_targets (leaves) where leaves > 0;
