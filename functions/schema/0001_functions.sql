-- Names are bytes, so that they are ordered byte by byte, whatever the collation of the database. Settings,
-- tags and weights are JSON.

create table functions_functions (
	id       text   primary key, -- never used twice
	account  text   not null,
	name     bytea  not null,
	number   bigint not null, -- of the last change to the function or to what hangs on it: what servers remember is of that number
	next     bigint not null, -- number of the version that is published next
	reserved bigint not null, -- calls at a time that it may have, of those of the account; -1: not said
	tags     text   not null,
	created  bigint not null
);
create unique index functions_functions_name on functions_functions (account, name);

create table functions_environments (
	id       text  primary key, -- never used twice
	function text  not null references functions_functions (id) on delete cascade,
	sealed   bytea not null -- variables as JSON
);
create index functions_environments_function on functions_environments (function);

-- $LATEST is version 0. Version -1 is what $LATEST was before it was updated, until the update is known to start.
create table functions_versions (
	id            text   primary key, -- FUNCTION/VERSION
	function      text   not null references functions_functions (id) on delete cascade,
	version       bigint not null,
	settings      text   not null,
	environment   text   not null, -- '': none
	code          text   not null, -- digest of the zip; '': it is an image
	size          bigint not null, -- of the zip, bytes
	image         text   not null, -- where to pull the image from, with its digest; '': it is a zip
	release       text   not null, -- code and configuration together: what a sandbox is assigned
	since         bigint not null, -- when it came to this release
	origin        text   not null, -- of a version: what $LATEST was when it was published, as a hash
	revision      text   not null,
	state         text   not null,
	state_code    text   not null,
	state_reason  text   not null,
	update_state  text   not null,
	update_code   text   not null,
	update_reason text   not null,
	modified      bigint not null
);
create unique index functions_versions_version on functions_versions (function, version);
create index functions_versions_pending on functions_versions (id) where state = 'Pending' or update_state = 'InProgress';

create table functions_aliases (
	id          text   primary key, -- FUNCTION/NAME
	function    text   not null references functions_functions (id) on delete cascade,
	name        bytea  not null,
	version     bigint not null,
	weights     text   not null, -- of another version: {"2":0.1}
	description text   not null,
	revision    text   not null,
	since       bigint not null -- when it came to these versions
);
create unique index functions_aliases_name on functions_aliases (function, name);

-- Code that was put into the blob store, and when it was wanted last: what nothing uses is swept some time after.
create table functions_code (
	digest   text   primary key,
	size     bigint not null,
	unpacked bigint not null, -- bytes of all that is in it
	wanted   bigint not null
);
create index functions_code_wanted on functions_code (wanted);

-- Which code a version has: its own and that of its layers.
create table functions_used (
	version text not null references functions_versions (id) on delete cascade,
	digest  text not null,
	primary key (version, digest)
);
create index functions_used_digest on functions_used (digest);

-- What links to code are signed with.
create table functions_keys (
	id     text  primary key,
	sealed bytea not null
);
