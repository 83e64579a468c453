-- Whether commands may be run in the containers of a task.
alter table tasks add column exec bigint not null default 0;

-- host:port of the APIs of the server that has the node's session: it alone reaches the node.
alter table instances add column server text not null default '';

-- Sessions in containers that were asked for. Each begins once, soon, by its token, of which only the digest is kept.
create table execs (
	id      text primary key,
	account text not null,
	node    text not null,
	token   text not null,
	what    text not null,
	created bigint not null,
	begun   bigint not null default 0
);
create index execs_created on execs (created);
