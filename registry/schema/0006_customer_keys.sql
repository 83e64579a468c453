-- Keys of accounts that blobs are sealed with.
create table registry_customer_keys (
	id       text   primary key,
	account  text   not null,
	alias    text   not null, -- alias/..., or ''
	disabled bigint not null,
	created  bigint not null,
	deletion bigint not null, -- when it goes; 0: it does not
	sealed   bytea  not null  -- the key itself, under those of package seal
);
create index registry_customer_keys_account on registry_customer_keys (account, created, id);
create index registry_customer_keys_deletion on registry_customer_keys (deletion) where deletion > 0;
create unique index registry_customer_keys_alias on registry_customer_keys (account, alias) where alias <> '';

-- The id of a key, or ''. The key may be gone: then nothing in the repository can be read again.
alter table registry_repositories add column customer_key text not null default '';
alter table registry_templates add column customer_key text not null default '';

-- Of a blob that is sealed, digest is the name that it has in the blob store and in other tables, and content
-- is the digest of the bytes that were pushed. Marks name contents.
alter table registry_blobs add column content text;
alter table registry_blobs add column customer_key text not null default '';
create unique index registry_blobs_content on registry_blobs (content, customer_key) where content is not null;
