-- Names are bytes, so that they are ordered and have prefixes byte by byte, whatever the
-- collation of the database. Tags, labels and stages are JSON.

create table secrets_parameters (
	id      text   primary key, -- never used twice
	account text   not null,
	name    bytea  not null,
	version bigint not null, -- the newest
	tier    text   not null, -- of the newest
	tags    text   not null,
	created bigint not null
);
create unique index secrets_parameters_name on secrets_parameters (account, name);

create table secrets_parameter_versions (
	id          text   primary key, -- PARAMETER/VERSION
	parameter   text   not null references secrets_parameters (id) on delete cascade,
	version     bigint not null,
	type        text   not null,
	tier        text   not null,
	data_type   text   not null,
	description text   not null,
	pattern     text   not null, -- that values of this version match; '': any
	labels      text   not null,
	sealed      bytea  not null, -- the value
	modified    bigint not null,
	modified_by text   not null  -- ARN
);
create unique index secrets_parameter_versions_version on secrets_parameter_versions (parameter, version);

create table secrets_secrets (
	id          text   primary key, -- never used twice
	account     text   not null,
	name        bytea  not null,
	suffix      text   not null, -- of its ARN
	description text   not null,
	tags        text   not null,
	policy      text   not null, -- '': none
	created     bigint not null,
	changed     bigint not null,
	accessed    bigint not null, -- the day that its value was read last; 0: never
	due         bigint not null  -- when it goes; 0: it stays
);
create unique index secrets_secrets_name on secrets_secrets (account, name);
create index secrets_secrets_created on secrets_secrets (account, created, id);
create index secrets_secrets_due on secrets_secrets (due) where due > 0;

create table secrets_versions (
	id       text   primary key, -- SECRET/VERSION
	secret   text   not null references secrets_secrets (id) on delete cascade,
	version  text   not null,
	stages   text   not null,
	bytes    bigint not null, -- 1: the value is bytes; 0: text
	sealed   bytea  not null, -- the value
	created  bigint not null,
	accessed bigint not null  -- as that of the secret
);
create unique index secrets_versions_version on secrets_versions (secret, version);
