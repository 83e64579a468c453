-- An account is active, closed (nobody can act in it, everything is still there), or gone (its
-- identities are deleted; the row stays, so that its id is not used again).
alter table accounts add column email text not null default '';
alter table accounts add column closed bigint not null default 0; -- when; 0: it is not
create unique index accounts_email on accounts (lower(email)) where email <> '';

-- What became of each CreateAccount.
create table account_requests (
	id        text primary key, -- car- and 32 hexadecimal digits
	account   text not null,    -- that was made, or ''
	name      text not null,
	email     text not null,
	reason    text not null,    -- why none was made, in AWS's word; '' if one was
	requested bigint not null,
	completed bigint not null
);
create index account_requests_requested on account_requests (requested);
