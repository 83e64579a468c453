-- When credentials of the task's role were last asked for; 0: never, or none are left. Written before
-- they are made, so that those of a task that has stopped can be found and ended.
alter table tasks add column issued bigint not null default 0;
create index tasks_issued on tasks (issued) where issued > 0 and status = 8;
