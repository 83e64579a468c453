-- Keys are bytes, so that they are ordered byte by byte, whatever the collation of the database. What objects say of
-- themselves, and tags, are JSON.

create table objects_buckets (
	id         text   primary key, -- never used twice
	name       text   not null,    -- one for all accounts
	account    text   not null,
	versioning text   not null,    -- '': never was; 'Enabled', 'Suspended'
	tags       text   not null,
	created    bigint not null
);
create unique index objects_buckets_name on objects_buckets (name);
create index objects_buckets_account on objects_buckets (account, name);

create table objects_versions (
	bucket   text   not null references objects_buckets (id),
	key      bytea  not null,
	number   bigint not null, -- the greatest of a key is its latest version
	version  text   not null, -- how clients name it; 'null': it came while versions were not kept
	latest   bigint not null,
	marker   bigint not null, -- 1: it says that the object is deleted, and has no bytes
	digest   text   not null, -- of its bytes; '': they are in pieces, or there are none
	pieces   text   not null, -- owner of the rows of objects_parts that have its bytes; '': they are in one
	size     bigint not null,
	etag     text   not null, -- without quotes
	about    text   not null,
	tags     text   not null,
	modified bigint not null,
	primary key (bucket, key, number)
);
create unique index objects_versions_version on objects_versions (bucket, key, version);
create unique index objects_versions_latest on objects_versions (bucket, key) where latest = 1;
create index objects_versions_digest on objects_versions (digest) where digest <> '';

-- Objects that come in parts, before they are whole.
create table objects_uploads (
	id      text   primary key, -- never used twice
	bucket  text   not null references objects_buckets (id),
	key     bytea  not null,
	about   text   not null,
	tags    text   not null,
	created bigint not null
);
create index objects_uploads_key on objects_uploads (bucket, key, id);

-- The owner is an upload, or a version whose bytes these are.
create table objects_parts (
	owner    text   not null,
	number   bigint not null,
	digest   text   not null,
	size     bigint not null,
	etag     text   not null,
	checksum text   not null, -- of the part, in the upload's algorithm; '': none
	modified bigint not null,
	primary key (owner, number)
);
create index objects_parts_digest on objects_parts (digest);

-- Bytes in the blob store, and when they were wanted last: what nothing refers to is swept some time after.
create table objects_blobs (
	digest text   primary key,
	size   bigint not null,
	wanted bigint not null
);
