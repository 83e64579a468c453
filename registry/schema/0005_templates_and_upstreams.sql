-- What an account has set about its registry; what is not there has its default.
create table registry_settings (
	account text not null,
	name    text not null,
	value   text not null,
	primary key (account, name)
);

-- Who may do what in all of an account's registry: an IAM policy document, as it was given.
create table registry_account_policies (
	account  text primary key,
	document text not null
);

-- What a repository is like that is made because somebody pushes to it, or pulls from it.
create table registry_templates (
	account     text   not null,
	prefix      text   not null, -- without a slash at its end; ROOT: of all repositories
	shown       text   not null, -- the prefix as it was given
	description text   not null,
	uses        text   not null, -- JSON list
	immutable   bigint not null,
	exceptions  text   not null, -- JSON list
	labels      text   not null, -- JSON object
	policy      text   not null, -- of the repositories; '': none
	lifecycle   text   not null, -- of the repositories; '': none
	role        text   not null, -- ARN, or ''
	created     bigint not null,
	updated     bigint not null,
	primary key (account, prefix)
);

-- Repositories whose images come from another registry.
create table registry_upstreams (
	account         text   not null,
	prefix          text   not null, -- without a slash at its end; ROOT: all repositories that no other is about
	shown           text   not null, -- the prefix as it was given
	url             text   not null, -- of the other registry, as it was given
	kind            text   not null, -- what AWS calls that registry, or ''
	upstream_prefix text   not null, -- of the repositories there; '' and ROOT: none
	credential      text   not null, -- ARN of a secret, or ''
	role            text   not null, -- ARN, or ''
	created         bigint not null,
	updated         bigint not null,
	primary key (account, prefix)
);

-- Tags that came from another registry, and when they are to be looked up there again.
create table registry_upstream_tags (
	repository bigint not null references registry_repositories (id) on delete cascade,
	name       text   not null,
	digest     text   not null, -- a tag of another image was pushed here meanwhile
	due        bigint not null,
	primary key (repository, name)
);

-- How to log in to other registries.
create table registry_upstream_secrets (
	id      text   primary key, -- account/name
	sealed  bytea  not null,
	created bigint not null
);

-- Whose pulls do not count as the last time that an image was pulled.
create table registry_pull_exclusions (
	account   text   not null,
	principal text   not null, -- ARN of a user or role
	created   bigint not null,
	primary key (account, principal)
);
