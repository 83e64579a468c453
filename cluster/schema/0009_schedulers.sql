-- Schedulers from outside.
select 1;
