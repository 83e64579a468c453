-- Schedulers from outside that a cluster has. The lines by which they are asked are their server's alone.
create table schedulers (
	account  text not null,
	cluster  text not null,
	name     text not null,
	deadline bigint not null, -- milliseconds that an answer may take
	fallback text not null, -- JSON list of placement strategies
	chosen   bigint not null, -- whether it is asked where a request names no strategy: at most one of a cluster
	created  bigint not null,
	primary key (account, cluster, name)
);
