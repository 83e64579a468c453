-- What sandboxes may write to /tmp, in MiB: it is held of a machine's disk as what tasks ask for is.
alter table holds add column disk bigint not null default 0;
drop index holds_node;
create index holds_node on holds (account, node, cpu, memory, disk);
