-- Calls that are made later than they were accepted, and for a while how they ended.
create table functions_calls (
	id        text   primary key, -- of the request
	account   text   not null,    -- whose function it is
	function  text   not null,    -- its ARN, without a qualifier
	qualifier text   not null,    -- as it was called; '': without one
	payload   bytea  not null,    -- JSON; empty once it has ended well
	size      bigint not null,    -- bytes of it
	context   text   not null,    -- of the client, base64; '': none
	trace     text   not null,    -- of X-Ray; '': none
	depth     bigint not null,    -- how many destinations led to it
	accepted  bigint not null,
	due       bigint not null,    -- when it may be made: before that it waits, or its holder makes it
	holder    text   not null,    -- the server that makes it; '': none
	runs      bigint not null,    -- how often it was made
	failures  bigint not null,    -- how often its function failed
	refusals  bigint not null,    -- how often in a row it could not be made
	ended     bigint not null,    -- 0: not yet. Set once
	outcome   text   not null,    -- Success, RetriesExhausted, EventAgeExceeded, ...; '': not yet
	reason    text   not null,    -- of the last failure
	response  bytea  not null,    -- what its function answered when it failed
	dead      bigint not null     -- 1: nobody was told of its failure, so it is kept
);
create index functions_calls_due on functions_calls (function, due) where ended = 0;
create index functions_calls_ended on functions_calls (dead, ended) where ended > 0;
create index functions_calls_dead on functions_calls (account, ended) where dead = 1;

-- How often functions were called, and what that took, by hours.
create table functions_usage (
	function  text   not null, -- ARN, without a qualifier
	account   text   not null,
	hour      bigint not null, -- its beginning
	calls     bigint not null,
	errors    bigint not null, -- calls whose function failed
	colds     bigint not null, -- calls that began a sandbox
	duration  bigint not null, -- microseconds
	billed    bigint not null, -- milliseconds times MiB
	primary key (function, hour)
);
create index functions_usage_account on functions_usage (account, hour);
