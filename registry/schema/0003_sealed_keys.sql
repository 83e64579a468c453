-- The secret of a key is in sealed, under the keys of package seal. In secret it was plain before; the
-- next start seals what is still there.
alter table registry_keys add column sealed bytea;
