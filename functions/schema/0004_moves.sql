-- When $LATEST, or what an alias stands for, went from release to release: microseconds, the last ones in their order, as
-- JSON. Empty of published versions, which stay what they are.
alter table functions_versions add column moves text not null default '[]';
alter table functions_aliases add column moves text not null default '[]';
