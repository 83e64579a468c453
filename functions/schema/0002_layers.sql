-- Layers, permissions, concurrency, URLs and event invoke configurations.
select 1;
