-- GiB that tasks may write together, which are held of their machines, and that machines have for that; 0: not known.
alter table task_models add column disk bigint not null default 0;
create index task_models_disk on task_models (id) where disk > 0;
alter table instances add column disk bigint not null default 0;
