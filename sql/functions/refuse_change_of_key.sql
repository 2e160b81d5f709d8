-- The trigger of api_key: a key can be revoked, once; every other change is refused.
create or replace function refuse_change_of_key() returns trigger
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
