-- API keys: who may call, and what for. Old processes survive this migration.

-- A key is never changed but to be revoked, and never deleted: a row says for good what a key could
-- do, who made it and who ended it. The secret itself is nowhere.
create table api_key (
  -- Public: it names the key in the config log, in lists, and in the key's own text.
  id text primary key,
  name text not null,
  secret_sha256 bytea not null,
  -- '{*}' is every tenant. Nothing is every tenant by leaving something out.
  tenants text[] not null,
  scopes text[] not null,
  -- What a publisher is bound to; null is any. An event name may end in *: 'order.*'.
  teams text[],
  services text[],
  event_names text[],
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  constraint id_is_12_hex_digits check (id ~ '^[0-9a-f]{12}$'),
  constraint name_is_short_text check (
    length(name) between 1 and 255 and name !~ '[[:cntrl:]]'
  ),
  constraint secret_is_sha256 check (octet_length(secret_sha256) = 32),
  constraint tenants_are_named check (
    cardinality(tenants) between 1 and 100
    and array_position(tenants, null) is null
    and (cardinality(tenants) = 1 or not tenants @> '{*}')
  ),
  constraint scopes_are_known check (
    cardinality(scopes) > 0 and scopes <@ '{publish, read, configure, admin}'
  ),
  constraint teams_are_named check (cardinality(teams) between 1 and 100),
  constraint services_are_named check (cardinality(services) between 1 and 100),
  constraint event_names_are_named check (cardinality(event_names) between 1 and 100),
  constraint expires_after_creation check (expires_at > created_at),
  constraint revoked_has_actor check ((revoked_at is null) = (revoked_by is null))
);

create function refuse_change_of_key() returns trigger
language plpgsql as $$
begin
  if tg_op = 'UPDATE'
    and old.revoked_at is null
    and (to_jsonb(new) - '{revoked_at,revoked_by}'::text[])
      = (to_jsonb(old) - '{revoked_at,revoked_by}'::text[])
  then
    return new;
  end if;
  raise exception 'A key is for the record: % of % is refused.', tg_op, tg_table_name
    using errcode = 'MR003', hint = 'Revoke the key and create another.';
end
$$;

create trigger api_key_may_only_be_revoked
before update or delete on api_key
for each row execute function refuse_change_of_key();
