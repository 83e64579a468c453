-- Names are bytes, so that they are ordered and have prefixes byte by byte, whatever the
-- collation of the database. Times of events are milliseconds since 1970, as they came.

create table log_groups (
	id        bigint primary key,
	account   text not null,
	name      bytea not null,
	retention bigint not null, -- days that events are kept; 0: for ever
	tags      text not null,   -- JSON
	created   bigint not null,
	deleted   bigint not null  -- when; 0: not
);
create unique index log_groups_name on log_groups (account, name) where deleted = 0;
create index log_groups_deleted on log_groups (id) where deleted > 0;

create table log_streams (
	id         bigint primary key,
	group_id   bigint not null,
	name       bytea not null,
	created    bigint not null,
	deleted    bigint not null, -- when; 0: not
	-- written with every piece of events
	seq        bigint not null, -- of the next event
	source     bigint not null, -- byte of the container's output from which to go on
	size       bigint not null, -- of all events, see weight
	first_time bigint not null, -- of the earliest event there may be; 0: none. Also written by the sweep
	last_time  bigint not null, -- of the latest event; 0: none
	ingested   bigint not null, -- when the last piece came; 0: never
	tail_time  bigint not null, -- key and size of the chunk that was written last
	tail_seq   bigint not null,
	tail_size  bigint not null  -- 0: none
);
create unique index log_streams_name on log_streams (group_id, name) where deleted = 0;
create index log_streams_recent on log_streams (group_id, last_time, name) where deleted = 0;
create index log_streams_oldest on log_streams (group_id, first_time) where first_time > 0;
create index log_streams_deleted on log_streams (group_id, id) where deleted > 0;

create table log_chunks (
	stream_id  bigint not null,
	first_time bigint not null, -- of its events; ordered by time, then seq
	first_seq  bigint not null,
	last_time  bigint not null, -- at most 10 minutes after first_time
	group_id   bigint not null,
	ingested   bigint not null, -- of the first event
	size       bigint not null, -- see weight
	data       bytea not null,  -- see chunk.go
	primary key (stream_id, first_time, first_seq)
);
create index log_chunks_group on log_chunks (group_id, first_time, stream_id, first_seq);
