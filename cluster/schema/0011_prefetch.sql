-- Images that machines of a cluster are to have ahead of tasks, until a time.
create table prefetches (
	id          text primary key, -- follows from what is asked for
	account     text not null,
	cluster     text not null,
	image       text not null, -- as it was named
	source      text not null, -- JSON of Image: where it is pulled from
	expressions text not null, -- JSON list: of the cluster query language, all of which a machine must fit
	created     bigint not null,
	expires     bigint not null
);
create index prefetches_account on prefetches (account, cluster);
create index prefetches_expires on prefetches (expires);

create table prefetch_machines (
	prefetch text not null references prefetches (id),
	node     text not null,
	state    text not null, -- PENDING, PULLING, READY, FAILED
	reason   text not null,
	digest   text not null,
	pulled   bigint not null, -- bytes
	size     bigint not null,
	changed  bigint not null,
	primary key (prefetch, node)
);
create index prefetch_machines_node on prefetch_machines (node);
