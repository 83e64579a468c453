-- At which server the fleet of each account is, for how long, and where the other servers reach it. Written by the
-- server that has it, or takes it when its time is over.
create table function_homes (
	name    text primary key, -- the account
	owner   text not null,    -- the server
	until   bigint not null,
	address text not null default ''
);
create index function_homes_owner on function_homes (owner);
