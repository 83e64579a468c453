create table registry_repositories (
	id         bigint primary key,
	account    text   not null,
	name       text   not null,
	immutable  bigint not null,
	exceptions text   not null, -- JSON list of tag patterns for which the opposite holds
	created    bigint not null,
	unique (account, name)
);

create table registry_labels (
	repository bigint not null references registry_repositories (id) on delete cascade,
	name       text   not null,
	value      text   not null,
	primary key (repository, name)
);

-- A row is there only after the bytes are durable.
create table registry_blobs (
	digest text   primary key,
	size   bigint not null,
	stored bigint not null
);

-- A blob answers in a repository only if it is linked there.
create table registry_links (
	repository bigint not null references registry_repositories (id) on delete cascade,
	blob       text   not null references registry_blobs (digest),
	linked     bigint not null,
	primary key (repository, blob)
);
create index registry_links_blob on registry_links (blob);

create table registry_manifests (
	repository    bigint not null references registry_repositories (id) on delete cascade,
	digest        text   not null,
	media_type    text   not null,
	artifact_type text   not null, -- its own artifactType, or '' if it has none
	config_type   text   not null, -- media type of its config, or '' if it has none
	subject       text   not null, -- digest, or ''
	image_size    bigint not null, -- bytes of its blobs; of an index, of its largest child
	pushed        bigint not null,
	size          bigint not null,
	raw           bytea  not null, -- last, so that listings need not step over it
	primary key (repository, digest)
);
create index registry_manifests_subject on registry_manifests (repository, subject, digest);

-- What a manifest needs: no link goes while a manifest needs it.
create table registry_manifest_blobs (
	repository bigint not null,
	manifest   text   not null,
	blob       text   not null,
	primary key (repository, manifest, blob),
	foreign key (repository, manifest) references registry_manifests (repository, digest) on delete cascade,
	foreign key (repository, blob) references registry_links (repository, blob)
);
create index registry_manifest_blobs_blob on registry_manifest_blobs (blob, repository);

-- Which manifests an index names: no child goes before its index.
create table registry_manifest_children (
	repository bigint not null,
	parent     text   not null,
	child      text   not null,
	primary key (repository, parent, child),
	foreign key (repository, parent) references registry_manifests (repository, digest) on delete cascade,
	foreign key (repository, child) references registry_manifests (repository, digest)
);
create index registry_manifest_children_child on registry_manifest_children (repository, child);

create table registry_tags (
	repository bigint not null,
	name       text   not null,
	manifest   text   not null,
	tagged     bigint not null,
	primary key (repository, name),
	foreign key (repository, manifest) references registry_manifests (repository, digest) on delete cascade
);
create index registry_tags_manifest on registry_tags (repository, manifest, name);

create table registry_uploads (
	id         text   primary key,
	repository bigint not null references registry_repositories (id) on delete cascade,
	started    bigint not null
);
create index registry_uploads_repository on registry_uploads (repository);

-- The keys of login tokens. The newest signs, all verify.
create table registry_keys (
	id      text   primary key,
	secret  bytea  not null,
	created bigint not null
);

-- Blobs that no manifest of any repository needs: candidates for removal, linked or not.
create view registry_unreferenced as
	select b.digest, b.size, b.stored from registry_blobs b
	where not exists (select 1 from registry_manifest_blobs m where m.blob = b.digest);
