-- Services and their deployments.
select 1;
