create table hooks_hooks (
	id           text   primary key,
	account      text   not null, -- whose events; '': of all accounts
	url          text   not null,
	kinds        text   not null, -- JSON list of patterns
	repositories text   not null, -- JSON list of patterns; empty: events about anything
	local        bigint not null, -- 1: it may call addresses of this machine
	sealed       bytea  not null, -- the secret that letters are signed with
	since        bigint not null, -- the last event before it was made
	created      bigint not null
);

-- An event on its way to a hook. Delivered ones are gone.
create table hooks_letters (
	hook    text   not null references hooks_hooks (id) on delete cascade,
	seq     bigint not null, -- of the event
	kind    text   not null,
	body    text   not null,
	tries   bigint not null,
	due     bigint not null, -- when it is tried next
	failure text   not null, -- of the last try
	dead    bigint not null, -- when it was given up; 0: not yet
	primary key (hook, seq)
);
create index hooks_letters_due on hooks_letters (hook, dead, due);

-- Up to which event letters were written.
create table hooks_cursor (
	name text   primary key,
	seq  bigint not null
);
