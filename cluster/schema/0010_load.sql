-- Measured load of machines.
select 1;
