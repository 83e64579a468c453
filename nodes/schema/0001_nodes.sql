-- The authority that certifies nodes, and the control plane towards them. There is one.
create table nodes_authority (
	id          text   primary key,
	certificate bytea  not null, -- DER
	sealed      bytea  not null, -- its private key, PKCS #8
	created     bigint not null
);

create table nodes_invitations (
	id      text   primary key,
	account text   not null,
	cluster text   not null, -- that nodes come to serve; '': every cluster of the account
	secret  bytea  not null, -- SHA-256 of it
	uses    bigint not null, -- how many nodes may still come by it
	created bigint not null,
	expires bigint not null
);

create table nodes_nodes (
	id         text   primary key,
	account    text   not null,
	cluster    text   not null, -- '': every cluster of the account
	invitation text   not null, -- by which it came last
	key        bytea  not null, -- SHA-256 of the public key that it came with
	serial     text   not null, -- of its newest certificate
	former     text   not null, -- of the one that it was renewed with, which is good beside it; '': none
	joined     bigint not null,
	certified  bigint not null,
	expires    bigint not null
);
create index nodes_nodes_account on nodes_nodes (account);
