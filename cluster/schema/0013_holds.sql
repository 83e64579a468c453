-- What sandboxes of functions hold of machines, beside tasks. A row goes when what it stands for has ended, when its
-- machine is no member any more, or when its server was not heard of for long.
create table holds (
	id      text primary key,
	account text not null,
	node    text not null,
	server  text not null, -- that has the sandbox
	created bigint not null,
	cpu     bigint not null,
	memory  bigint not null
);
create index holds_node on holds (account, node, cpu, memory);
create index holds_server on holds (server);

-- Until when each server that holds something is believed to be there. Written by that server.
create table hold_servers (
	server text primary key,
	until  bigint not null
);
