-- The config log holds all that the configuration is rebuilt from. API keys enter it: each creation
-- and each revocation, an entry for every tenant that the key names ('*': every tenant), all at one
-- position. A job that is deleted keeps its document there. Old processes survive this migration:
-- the entries of keys are written by a trigger, whoever makes or revokes them.

-- Before the config log, in the order of those who write: no key is made between the entries for
-- those that are there and the trigger.
lock table api_key in share row exclusive mode;

alter table config_log
  drop constraint kind_is_known,
  add constraint kind_is_known check (
    kind in ('integration', 'subscription', 'projection', 'job', 'sender', 'key')
  ),
  drop constraint removed_has_no_document,
  -- What is removed has none; jobs and keys are not removed, but marked. (An old job has none.)
  add constraint document_is_kept check (
    case
      when status <> 'removed' or kind = 'key' then document is not null
      else document is null or kind = 'job'
    end
  );

-- The entries of one key, whatever tenants it names.
create index config_log_by_key on config_log (id) where id ~ '^key:';

-- Writes the creation of a key, at its insert, and its revocation: an entry for each tenant that it
-- names. Nothing that the log has already, as of a key that is rebuilt from it, and of nothing else
-- that is done to the table: what the key is for and what it grants is what its creation says, also
-- in the entry of its revocation. (Unless the log has no creation of it: then the row is told.) The
-- lane is taken here, after all rows: see next_position. Its bound comes as a setting of the
-- transaction, for a trigger has no arguments.
create function record_key() returns trigger
language plpgsql
set timezone = 'UTC'
as $$
declare
  change_position bigint;
  is_revoked boolean := new.revoked_at is not null;
  with_maker text := ', with ' || new.created_by || ' that made it';
  is_with_maker boolean := is_revoked and right(new.revoked_by, length(with_maker)) = with_maker;
  known integer := (
    select max(version) from config_log where id ~ '^key:' and id = 'key:' || new.id
  );
begin
  if tg_op = 'INSERT' and (known > 0 or is_revoked)
    or tg_op = 'UPDATE' and (known > 1 or not is_revoked or old.revoked_at is not null)
  then
    return null;
  end if;
  change_position :=
    next_position(nullif(current_setting('millrace.latest_position', true), '')::bigint);
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    entry.tenant, change_position, 'key', 'key:' || new.id, 1 + is_revoked::integer,
    case when is_revoked then 'key_revoked' else 'key_created' end,
    case when is_revoked then 'removed' else 'running' end,
    case
      when is_with_maker then left(new.revoked_by, -length(with_maker))
      when is_revoked then new.revoked_by
      else new.created_by
    end,
    case
      when is_with_maker then format('Revoked with %s that made it.', new.created_by)
      when is_revoked then 'Revoked.'
      else 'Created.'
    end,
    entry.document || case
      when is_revoked then
        jsonb_build_object('revoked_at', new.revoked_at, 'revoked_by', new.revoked_by)
      else '{}'
    end
  from (
    select tenant, document from config_log where id ~ '^key:' and id = 'key:' || new.id
    union all
    select distinct unnest(new.tenants), jsonb_strip_nulls(to_jsonb(new) - 'id')
    where known is null
  ) as entry;
  perform setval('lane_position', change_position);
  return null;
end
$$;

create trigger key_is_recorded
after insert or update on api_key
for each row execute function record_key();

-- What is there already, at the time of its creation and of its revocation: so the log tells the
-- truth of that time, too. A place that is taken gives way to the next free one. The lane is not
-- taken: all of this lies in the past.
set local timezone = 'UTC';

do $$
declare
  key api_key;
  named text;
  place bigint;
  with_maker text;
  is_with_maker boolean;
  recorded constant text := 'Recorded by the migration that brought keys into this log.';
begin
  for key in select * from api_key order by created_at, id
  loop
    -- As in record_key.
    with_maker := ', with ' || key.created_by || ' that made it';
    is_with_maker := right(key.revoked_by, length(with_maker)) = with_maker;
    for named in select distinct unnest(key.tenants)
    loop
      place := position_of(key.created_at);
      while exists (select from config_log c where c.tenant = named and c.position = place) loop
        place := place + 1;
      end loop;
      insert into config_log (
        tenant, position, kind, id, version, action, status, actor, reason, document
      ) values (
        named, place, 'key', 'key:' || key.id, 1, 'key_created', 'running', key.created_by,
        recorded, jsonb_strip_nulls(to_jsonb(key) - '{id,revoked_at,revoked_by}'::text[])
      );
      continue when key.revoked_at is null;
      place := greatest(position_of(key.revoked_at), place + 1);
      while exists (select from config_log c where c.tenant = named and c.position = place) loop
        place := place + 1;
      end loop;
      insert into config_log (
        tenant, position, kind, id, version, action, status, actor, reason, document
      ) values (
        named, place, 'key', 'key:' || key.id, 2, 'key_revoked', 'removed',
        case
          when is_with_maker then left(key.revoked_by, -length(with_maker))
          else key.revoked_by
        end,
        case
          when is_with_maker then format('Revoked with %s that made it. ', key.created_by)
          else ''
        end || recorded,
        jsonb_strip_nulls(to_jsonb(key) - 'id')
      );
    end loop;
  end loop;
end
$$;

-- The documents of jobs that were deleted, right after their last change. The version stays: such
-- an entry is a note.
insert into config_log (
  tenant, position, kind, id, version, action, status, actor, reason, document
)
select
  job.tenant, free.position, 'job', 'job:' || job.id, job.version, 'job_recorded', 'removed',
  'millrace', 'The document of a deleted job, recorded by a migration.', job.document
from notification_job as job
cross join lateral (
  select place as position
  from generate_series(job.changed_position + 1, job.changed_position + 1000) as place
  where not exists (
    select from config_log c where c.tenant = job.tenant and c.position = place
  )
  order by place
  limit 1
) as free
where (job.document ->> 'deleted')::boolean;

-- As in 0022, and without the hashes of keys: nobody needs them.
create or replace view masked_config_log as
select
  tenant, position, kind, id, version, action, status, actor, reason,
  regexp_replace(
    regexp_replace(
      case
        when kind = 'key' then document || '{"secret_sha256": "***"}'
        else document
      end::text,
      '(?<!\\)"sealed:[^"\\]*"', '"***"', 'g'
    ),
    '//([^/?#"\\]|\\.)*@', '//***@', 'g'
  )::jsonb as document
from config_log;
