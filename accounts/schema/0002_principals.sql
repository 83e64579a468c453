-- Users, groups, roles, instance profiles and managed policies are entities: what they have in
-- common (name, path, tags, policies) is kept once.
create table entities (
	id          text primary key, -- AIDA, AGPA, AROA, AIPA or ANPA, and 17 characters of A-Z and 2-7
	account     text not null references accounts (id),
	kind        text not null,    -- user, group, role, instance-profile, policy
	name        text not null,
	folded      text not null,    -- the name in lower case: names differ by more than case
	path        text not null,    -- "/" or "/a/b/"
	description text not null,
	trust       text not null,    -- of a role: its trust policy; otherwise ''
	max_session bigint not null,  -- of a role, in seconds; otherwise 0
	boundary    text not null,    -- ARN of the permissions boundary of a user or role, or ''
	service     text not null,    -- of a service-linked role: its service; otherwise ''
	last_used   bigint not null,  -- of a role: when a session was last made or used; 0: never
	last_region text not null,    -- of a role: where
	versions    bigint not null default 0, -- of a managed policy: the number of its newest version ever
	created     bigint not null,
	updated     bigint not null
);
create unique index entities_name on entities (account, kind, folded);

create table entity_tags (
	entity text not null references entities (id),
	folded text not null, -- the key in lower case: keys differ by more than case
	key    text not null,
	value  text not null,
	primary key (entity, folded)
);

create table inline_policies (
	entity   text not null references entities (id), -- a user, group or role
	name     text not null,
	document text not null, -- as it was given
	primary key (entity, name)
);

create table attachments (
	entity  text not null references entities (id), -- a user, group or role
	policy  text not null,   -- ARN of a managed policy, the account's own or AWS's
	created bigint not null,
	primary key (entity, policy)
);
create index attachments_policy on attachments (policy);

create table members (
	group_id text not null references entities (id),
	user_id  text not null references entities (id),
	created  bigint not null,
	primary key (group_id, user_id)
);
create index members_user on members (user_id);

create table policy_versions (
	policy     text not null references entities (id),
	version    bigint not null, -- 1, 2, ...; never used twice
	document   text not null,
	is_default bigint not null, -- 1 of exactly one version of a policy
	created    bigint not null,
	primary key (policy, version)
);

create table profile_roles (
	profile text primary key references entities (id), -- one role at most
	role    text not null references entities (id)
);
create index profile_roles_role on profile_roles (role);

create table account_aliases (
	account text primary key references accounts (id),
	alias   text not null unique
);

-- The owner of a key is now 'root' or the id of a user.
alter table access_keys add column last_used bigint not null default 0; -- 0: never
alter table access_keys add column last_service text not null default '';
alter table access_keys add column last_region text not null default '';

-- Short-lived credentials: of a role's session, or of a user's or root's GetSessionToken.
create table sessions (
	id       text primary key, -- ASIA and 16 characters
	account  text not null references accounts (id),
	entity   text not null,    -- id of the role or user, or 'root'; its end ends the session
	name     text not null,    -- the role session's name; '' of a user's or root's
	sealed   bytea not null,   -- the secret
	token    bytea not null,   -- SHA-256 of the session token
	policies text not null,    -- JSON list of session policy documents, '' for none
	tags     text not null,    -- JSON object of session tags, '' for none
	passed   text not null,    -- JSON list of the keys of transitive tags, '' for none
	source   text not null,    -- source identity, or ''
	makers   text not null,    -- accounts of those who made it, one behind the other; their end ends the session
	bound    text not null,    -- ARN of the task or function that it was issued to, or ''; when that ends, so does the session
	created  bigint not null,
	expires  bigint not null
);
create index sessions_entity on sessions (entity);
create index sessions_bound on sessions (bound) where bound <> '';
create index sessions_expires on sessions (expires);
