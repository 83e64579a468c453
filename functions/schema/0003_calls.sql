-- Calls that are still to be made, and those that failed for good.
select 1;
