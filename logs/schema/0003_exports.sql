-- Exports of groups into buckets. Names are bytes, see 0001.

create table log_exports (
	id            text primary key,
	account       text not null,
	name          text not null,
	group_name    bytea not null,
	stream_prefix bytea not null,
	from_time     bigint not null, -- milliseconds since 1970, as all times of events
	until_time    bigint not null, -- before which
	bucket        text not null,
	prefix        text not null,
	status        text not null,
	message       text not null,
	created       bigint not null,
	finished      bigint not null, -- when; 0: not
	-- how far it has come
	stream        bytea not null,  -- of the object written last; empty: none is
	token         text not null,   -- where in that stream to go on; '': it is at its end
	-- who works on it
	holder        text not null,
	held          bigint not null  -- until when
);
create unique index log_exports_active on log_exports (account) where finished = 0;
create index log_exports_recent on log_exports (account, created, id);
create index log_exports_finished on log_exports (finished) where finished > 0;

create table log_export_folders (
	export_id text not null,
	folder    text not null,
	objects   bigint not null, -- that are in it
	primary key (export_id, folder)
);
