-- Records of calls, packed into chunks, those of one account chained to one another. Times are
-- microseconds since 1970.

create table audit_chains (
	account   text primary key,
	first_seq bigint not null, -- of the first chunk that is kept
	next_seq  bigint not null, -- of the next chunk
	anchor    bytea not null,  -- hash of the chunk before the first that is kept
	prior     bytea not null,  -- hash of the chunk before the last
	tip       bytea not null,  -- hash of the last chunk
	seal      bytea not null   -- of this row, see chain.go
);

create table audit_chunks (
	account    text not null,
	seq        bigint not null, -- without gaps in an account, from 1
	first_time bigint not null,
	last_time  bigint not null,
	records    bigint not null, -- how many
	size       bigint not null, -- of them unpacked
	hash       bytea not null,  -- of this row and the hash of the one before
	terms      bytea not null,  -- what can be looked up in it, see terms.go
	data       bytea not null,  -- see chunk.go
	primary key (account, seq)
);
create index audit_chunks_time on audit_chunks (account, last_time, seq);

-- How far the spool files of servers have been moved into chunks: written together with them.
create table audit_spools (
	name    text primary key,
	moved   bigint not null, -- bytes
	updated bigint not null
);

-- What chains are made with: so whoever has the database alone cannot make one.
create table audit_keys (
	id      text primary key, -- chain
	sealed  bytea not null,
	created bigint not null
);
