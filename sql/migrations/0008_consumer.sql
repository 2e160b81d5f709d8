-- Consumers: whatever has a cursor. An integration is one kind of them; a subscription of the
-- collector and a projection of ours are others. All share cursors, leases, retries, receipts,
-- attempts, rejected events and the config log. Old processes survive this migration: they see
-- integrations only, through the view of the old name, and the functions that they call
-- (register_integration, change_integration, note_integration) write through it.

-- A projection of config_log: the newest document of each consumer that was not removed. Its id is
-- its name in every table; ids of different kinds cannot be the same.
alter table integration rename to consumer;
alter index integration_pkey rename to consumer_pkey;
alter table consumer drop constraint id_is_lower_case_word;
alter table consumer
  add column kind text not null default 'integration',
  add constraint kind_is_known check (kind in ('integration', 'subscription', 'projection')),
  add constraint id_tells_kind check (
    case kind
      when 'integration' then id ~ '^[a-z0-9-]{1,50}$'
      else id ~ ('^' || kind || ':[A-Za-z0-9._~:-]{1,100}$')
    end
  );

alter table config_log drop constraint kind_is_known;
alter table config_log
  add constraint kind_is_known check (kind in ('integration', 'subscription', 'projection'));

-- The id alone finds the entries: it tells the kind.
create index config_log_by_consumer on config_log (tenant, id, position);
drop index config_log_by_id;

-- What the configuration API may see and change, and no more.
create view integration as
select tenant, id, version, status, document, created_position, changed_position
from consumer
where kind = 'integration';

-- 'registered', or 'taken' (the id) or 'full' (the tenant has max_count of the kind): then nothing
-- is changed. The consumer receives the events in (starts_after, stop_position]; null: from its own
-- registration on, and for ever. status: 'running' or 'stopped'.
create function register_consumer(
  tenant text, kind text, id text, document jsonb, status text, action text, actor text,
  reason text, starts_after bigint, stop_position bigint, max_count integer
) returns text
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
begin
  if exists (select from consumer c where c.tenant = tenant and c.id = id) then
    return 'taken';
  end if;
  if (select count(*) from consumer c where c.tenant = tenant and c.kind = kind) >= max_count then
    return 'full';
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (tenant, change_position, kind, id, 1, action, status, actor, reason, document);
  insert into consumer (
    tenant, id, kind, version, status, document, created_position, changed_position
  ) values (tenant, id, kind, 1, status, document, change_position, change_position);
  -- "From now on" is the position of the registration itself, to the event.
  insert into cursor (tenant, consumer, read_position, stop_position)
  values (tenant, id, coalesce(starts_after, change_position), stop_position);
  -- What a completed consumer of the same name has left behind.
  delete from rejected_event r where r.tenant = tenant and r.consumer = id;
  perform setval('lane_position', change_position);
  return 'registered';
end
$$;

-- One change of a consumer: compare-and-set on its version. Returns the position of the change, or
-- null where the version is another by now (or there is none) and nothing was changed.
-- status: 'running', 'stopped' or 'removed'; document: null keeps the one it has.
-- A start forgets the attempts of before, so that the stream goes on with that very event at once;
-- with from_now it forgets what it has not sent, too. A stop gives files 30 seconds to be closed,
-- but not where the store fails already. A removal takes the cursors along and abandons the file
-- that is open; rejected events stay where an integration completed by itself, until its name is
-- used again.
create function change_consumer(
  tenant text, id text, expected_version integer, status text, action text, actor text,
  reason text, document jsonb, from_now boolean
) returns bigint
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
  changed consumer;
begin
  update consumer c
  set status = case when status = 'removed' then 'stopped' else status end,
    version = c.version + 1,
    document = coalesce(document, c.document),
    changed_position = change_position
  where c.tenant = tenant and c.id = id and c.version = expected_version
  returning c.* into changed;
  if changed.id is null then
    return null;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, changed.kind, id, changed.version, action, status, actor, reason,
    case when status = 'removed' then null else changed.document end
  );
  if status = 'running' then
    update cursor c
    set attempts = 0,
      retry_at = null,
      close_until = null,
      read_position =
        case when from_now and c.run = 0 then change_position else c.read_position end,
      unresolved = case when from_now and c.run = 0 then '{}' else c.unresolved end
    where c.tenant = tenant and c.consumer = id;
  elsif action = 'integration_stopped' and changed.document ? 's3_parameters' then
    update cursor c
    set close_until = clock_timestamp() + interval '30 seconds'
    where c.tenant = tenant and c.consumer = id and c.attempts = 0;
  elsif status = 'removed' then
    delete from consumer c where c.tenant = tenant and c.id = id;
    delete from cursor c where c.tenant = tenant and c.consumer = id;
    delete from rejected_event r
    where r.tenant = tenant and r.consumer = id and action <> 'integration_completed';
  end if;
  if status = 'removed' or from_now then
    update export_file f
    set state = 'abandoned'
    where f.tenant = tenant and f.consumer = id and f.state = 'open'
      and (status = 'removed' or f.run = 0);
  end if;
  perform setval('lane_position', change_position);
  return change_position;
end
$$;

-- An entry of the log that changes nothing: what happened to a consumer that people should know.
-- Does nothing where there is no such consumer.
create function note_consumer(tenant text, id text, action text, actor text, reason text)
returns void
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
begin
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  )
  select
    tenant, change_position, c.kind, id, c.version, action, c.status, actor, reason, c.document
  from consumer c
  where c.tenant = tenant and c.id = id;
  perform setval('lane_position', change_position);
end
$$;

-- As in 0004, for consumers.
create or replace function complete_replay(tenant text, consumer text, run integer) returns boolean
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint := next_position();
  ended record;
  receipts record;
  told text;
begin
  select c.* into ended
  from cursor c
  where c.tenant = tenant and c.consumer = consumer and c.run = run
    and c.stop_position < change_position
    and c.unresolved = '{}'
    and not exists (
      select from event e
      where e.tenant = tenant and e.position > c.read_position and e.position <= c.stop_position
    )
  for update;
  if ended.consumer is null then
    return false;
  end if;
  select coalesce(sum(r.delivered), 0) as delivered, coalesce(sum(r.rejected), 0) as rejected
  into receipts
  from receipt r
  where r.tenant = tenant and r.consumer = consumer and r.run = run;
  told := format('Everything up to %s was sent: %s delivered, %s rejected.',
    time_of(ended.stop_position) at time zone 'UTC', receipts.delivered, receipts.rejected);
  delete from cursor c where c.tenant = tenant and c.consumer = consumer and c.run = run;
  perform setval('lane_position', change_position);
  if run > 0 then
    perform note_consumer(tenant, consumer, 'replay_completed', 'millrace', told);
  else
    perform change_consumer(
      tenant, consumer, c.version, 'removed', c.kind || '_completed', 'millrace', told, null, false
    )
    from consumer c
    where c.tenant = tenant and c.id = consumer;
  end if;
  return true;
end
$$;
