-- What the node told of its machine in its present session. The numbers of what it tells grow.
alter table instances add column told bigint not null default 0;
-- Shares of the machine that are in use, in thousandths, and when they were told; 0: not in this session.
alter table instances add column load_cpu bigint not null default 0;
alter table instances add column load_memory bigint not null default 0;
alter table instances add column load_at bigint not null default 0;
-- Why it can start no container, '' while it can, and since when that is so; 0: not told in this session.
alter table instances add column trouble text not null default '';
alter table instances add column trouble_at bigint not null default 0;
