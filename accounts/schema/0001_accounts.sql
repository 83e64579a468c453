create table accounts (
	id         text primary key, -- twelve digits
	name       text not null,
	state      text not null,    -- active, closed
	management bigint not null,  -- 1: the account that this installation was made for
	created    bigint not null
);
create unique index accounts_management on accounts (management) where management = 1;

create table access_keys (
	id      text primary key, -- AKIA and 16 characters
	account text not null references accounts (id),
	owner   text not null,    -- root; later the id of a user
	sealed  bytea not null,   -- the secret, see seal.go
	status  text not null,    -- active, inactive
	created bigint not null
);
create index access_keys_account on access_keys (account, owner, created);
