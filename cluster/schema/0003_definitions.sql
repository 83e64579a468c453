-- When the deletion of a revision was asked for; 0: never. It goes once no task uses it.
alter table definitions add column delete_asked bigint not null default 0;
create index definitions_leaving on definitions (account, family, revision) where status = 'DELETE_IN_PROGRESS';
-- JSON of the task's VPC, '' for none. Written by RunTask and StartTask, once.
alter table tasks add column network text not null default '';
