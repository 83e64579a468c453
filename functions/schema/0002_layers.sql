-- Names and qualifiers are bytes, so that they are ordered byte by byte. A qualifier is '', the number of a version or
-- the name of an alias. Settings are JSON.

create table functions_layers (
	id      text   primary key, -- never used twice
	account text   not null,
	name    bytea  not null,
	next    bigint not null -- number of the version that is published next: numbers are never used twice
);
create unique index functions_layers_name on functions_layers (account, name);

create table functions_layer_versions (
	layer    text   not null references functions_layers (id) on delete cascade,
	version  bigint not null,
	settings text   not null,
	code     text   not null, -- digest of the zip
	size     bigint not null, -- of the zip, bytes
	policy   text   not null, -- ''; who else may use it
	revision text   not null, -- of the policy
	created  bigint not null,
	primary key (layer, version)
);
create index functions_layer_versions_code on functions_layer_versions (code);

-- What is set beside a function, a version or an alias: its policy, what becomes of calls that nobody waits for, ...
create table functions_beside (
	function  text   not null references functions_functions (id) on delete cascade,
	qualifier bytea  not null,
	kind      text   not null,
	settings  text   not null,
	modified  bigint not null,
	primary key (function, qualifier, kind)
);

create table functions_provisioned (
	function  text   not null references functions_functions (id) on delete cascade,
	qualifier bytea  not null,
	requested bigint not null,
	modified  bigint not null,
	primary key (function, qualifier)
);

create table functions_urls (
	id        text   primary key, -- the first label of its host; never used twice
	function  text   not null references functions_functions (id) on delete cascade,
	qualifier bytea  not null,
	settings  text   not null,
	created   bigint not null,
	modified  bigint not null
);
create unique index functions_urls_place on functions_urls (function, qualifier);
