-- Capacity providers and the settings of accounts.
select 1;
