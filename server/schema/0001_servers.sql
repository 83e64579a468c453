-- Which servers are there over this database, and where they keep the bytes of images, objects and code. Written by each of
-- itself, again and again.
create table servers (
	name   text primary key, -- the server
	owner  text not null,    -- the server, too
	until  bigint not null,
	at     text not null default '', -- host:port by which clients reach it
	folder bigint not null default 0 -- 1: bytes are in its own data folder
);
