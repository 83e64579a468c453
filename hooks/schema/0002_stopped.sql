alter table hooks_hooks add column stopped bigint not null default 0; -- when its account was closed; 0: it was not
