-- Master keys that every data key is wrapped under. One; two or more while one replaces another.
create table seal_masters (
	mark    text   primary key, -- sixteen hexadecimal digits of a hash of the key
	turn    bigint not null,    -- the highest is the one that replaces the others
	created bigint not null
);

create table seal_keys (
	id      text   primary key, -- hexadecimal, as the head of a seal has it
	format  bigint not null,    -- of the seals made with it: 1 or 2
	state   text   not null,    -- current: seals and opens; old: opens
	created bigint not null,
	retired bigint not null     -- when it became old; 0 of the current one
);
create unique index seal_keys_current on seal_keys (state) where state = 'current';

create table seal_wraps (
	key     text  not null references seal_keys (id) on delete cascade,
	mark    text  not null, -- of the master key that opens it
	wrapped bytea not null,
	primary key (key, mark)
);

-- Where seals are: a key is dropped only when none of these names it.
create table seal_columns (
	tbl    text not null,
	id     text not null, -- the column of text that names the row
	sealed text not null, -- the column of bytea that holds the seal
	primary key (tbl, sealed)
);

-- Which server has which master key: none is taken away while a server that runs needs it.
create table seal_servers (
	name text   primary key, -- host:folder
	mark text   not null,    -- of the key that its source gives
	seen bigint not null
);
