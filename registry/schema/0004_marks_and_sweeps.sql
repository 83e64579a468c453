-- When an image lost its last tag, or was last pushed without one; 0: it has a tag.
alter table registry_manifests add column untagged bigint not null default 0;
alter table registry_manifests add column pulled bigint not null default 0;    -- 0: never
alter table registry_manifests add column archived bigint not null default 0;  -- 0: it is not in the archive
alter table registry_manifests add column activated bigint not null default 0; -- when it last came back; 0: never
update registry_manifests set untagged = pushed where not exists
	(select 1 from registry_tags t where t.repository = registry_manifests.repository and t.manifest = registry_manifests.digest);
create index registry_manifests_untagged on registry_manifests (repository, digest) where untagged > 0;
create index registry_manifests_archived on registry_manifests (repository, digest) where archived > 0;

-- When a push was last at work in a repository, to a quarter of a lease.
alter table registry_repositories add column pushed bigint not null default 0;
-- registry_links.linked is when a push last brought the blob or asked for it, to half a lease.

-- An upload that is about to become a blob: its digest is not doomed before it has.
create table registry_arrivals (
	upload  text   primary key,
	digest  text   not null,
	account text   not null,
	size    bigint not null, -- 0 where the account has no quota
	begun   bigint not null
);
create index registry_arrivals_digest on registry_arrivals (digest);
create index registry_arrivals_account on registry_arrivals (account, size);

-- A blob whose rows are gone and whose bytes go now. It does not arrive again before they have.
create table registry_doomed (
	digest text   primary key,
	size   bigint not null, -- 0: not known
	doomed bigint not null
);

-- Who does what one server does at a time.
create table registry_leases (
	name  text   primary key,
	owner text   not null,
	until bigint not null
);

-- Runs of the sweep, and when the next is due.
create table registry_sweeps (
	id       bigint primary key,
	started  bigint not null,
	ended    bigint not null, -- 0: it did not end, yet or ever
	images   bigint not null,
	layers   bigint not null,
	freed    bigint not null  -- bytes
);
create table registry_schedule (
	name text   primary key,
	due  bigint not null,
	at   text   not null  -- what it was computed from
);
create table registry_walks (
	name    text   primary key,
	after   text   not null, -- digest that the walk goes on after
	started bigint not null,
	ended   bigint not null  -- 0: it is not done
);

-- How many repositories of an account have a blob: its bytes are counted once.
create table registry_holdings (
	account text   not null,
	blob    text   not null,
	links   bigint not null,
	primary key (account, blob)
);
insert into registry_holdings (account, blob, links)
	select r.account, l.blob, count(*) from registry_links l join registry_repositories r on r.id = l.repository group by r.account, l.blob;

-- What an account uses is the sum of its rows: each change adds one, and a loop adds them up.
create table registry_usage (
	account      text   not null,
	id           bigint not null, -- 0: the sum of those before
	bytes        bigint not null,
	blobs        bigint not null,
	images       bigint not null,
	repositories bigint not null,
	primary key (account, id)
);
insert into registry_usage (account, id, bytes, blobs, images, repositories)
	select r.account, 0,
		coalesce((select sum(b.size) from registry_holdings h join registry_blobs b on b.digest = h.blob where h.account = r.account), 0),
		(select count(*) from registry_holdings h where h.account = r.account),
		(select count(*) from registry_manifests m join registry_repositories q on q.id = m.repository where q.account = r.account),
		count(*)
	from registry_repositories r group by r.account;

-- null: the default.
create table registry_quotas (
	account      text primary key,
	bytes        bigint,
	images       bigint, -- of a repository
	repositories bigint
);

-- What may not be pulled or named any more, and why.
create table registry_marks (
	id       text   primary key,
	scope    text   not null, -- the account whose repositories it holds in; '': all
	criteria text   not null, -- JSON
	version  text   not null, -- digest of the criteria
	reason   text   not null,
	created  bigint not null,
	searched bigint not null, -- when a search for it was last complete; 0: never
	unique (scope, version)
);
-- The digest may be one that is not there (any more).
create table registry_marked (
	blob  text not null,
	scope text not null,
	mark  text not null references registry_marks (id) on delete cascade,
	primary key (blob, scope, mark)
);
create index registry_marked_mark on registry_marked (mark, blob);
-- What was read for criteria is not read again.
create table registry_searched (
	version text   not null,
	blob    text   not null references registry_blobs (digest) on delete cascade,
	found   bigint not null, -- 0: no, 1: yes, 2: it cannot be read
	primary key (version, blob)
);
create index registry_searched_blob on registry_searched (blob);

create table registry_lifecycles (
	repository bigint primary key references registry_repositories (id) on delete cascade,
	document   text   not null,
	evaluated  bigint not null -- 0: not since it was put
);
create index registry_lifecycles_evaluated on registry_lifecycles (evaluated);
create table registry_previews (
	repository bigint primary key references registry_repositories (id) on delete cascade,
	document   text   not null,
	status     text   not null, -- IN_PROGRESS, COMPLETE, FAILED
	started    bigint not null
);
create index registry_previews_status on registry_previews (status);
create table registry_preview_images (
	repository bigint not null references registry_previews (repository) on delete cascade,
	digest     text   not null,
	action     text   not null, -- EXPIRE, TRANSITION
	rule       bigint not null,
	pushed     bigint not null,
	archived   bigint not null,
	tags       text   not null, -- JSON list
	primary key (repository, digest)
);
