-- What the tasks below STOPPED hold of a node, and how often what a placement sees of it has changed.
alter table instances add column held_cpu bigint not null default 0;
alter table instances add column held_memory bigint not null default 0;
alter table instances add column changes bigint not null default 0;
