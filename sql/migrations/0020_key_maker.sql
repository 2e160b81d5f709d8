-- Keys end with their maker, and have quotas and a rate. Old processes survive this migration.

-- How many events a second a key may publish, on each process; null: as many as it likes.
alter table api_key
  add column rate integer,
  add constraint rate_is_positive check (rate > 0);

-- Who made a key stands in created_by, which nobody can change: "API key <id> (<name>)", in keys of
-- before this migration and of old processes too. A column of its own could only disagree.
create index api_key_by_maker
on api_key ((substring(created_by from '^API key ([0-9a-f]{12}) \(')));

-- The keys of a tenant, to be counted and listed.
create index api_key_by_tenant on api_key using gin (tenants);

-- The order of the list: neither a new key nor a revocation moves a key that is in it.
create index api_key_by_age on api_key (created_at desc, id desc);
