-- Changes a job: compare-and-set on its version (0: the job must not exist yet). Returns the
-- position of the change. Returns null if the version is no longer expected_version, and 0 if the
-- tenant already has max_count jobs that are not deleted. Then nothing has changed. A tenant's
-- first job starts the projections of its shop, from the start of the retained log. A new job looks
-- at events after its own creation.
drop function if exists change_notification_job(
  text, text, integer, jsonb, text, text, text, timestamptz
);

drop function if exists change_notification_job(
  text, text, integer, jsonb, text, text, text, timestamptz, bigint
);

create or replace function change_notification_job(
  tenant text, id text, expected_version integer, document jsonb, action text, actor text,
  reason text, next_run_at timestamptz,
  latest_position bigint default null, max_count integer default null
) returns bigint
language plpgsql as $$
#variable_conflict use_variable
declare
  change_position bigint;
  changed notification_job;
  was_kept boolean := false;
  shop_filter jsonb := '{"filter_conditions": {"entity_filter":
    ["customer", "wishlist", "product", "variant_product", "price", "inventory_level"]}}';
  status text := case
    when (document ->> 'deleted')::boolean then 'removed'
    when (document ->> 'is_active')::boolean and (document ->> 'is_scheduled')::boolean
      then 'running'
    else 'stopped'
  end;
begin
  if expected_version > 0 then
    select not (j.document ->> 'deleted')::boolean into was_kept
    from notification_job j
    where j.tenant = tenant and j.id = id and j.version = expected_version
    for update;
    if not found then
      return null;
    end if;
  end if;
  if status <> 'removed' and not was_kept then
    -- New jobs of a tenant wait for each other here, so that the count is exact.
    perform pg_advisory_xact_lock(hashtextextended('job:' || tenant, 0));
    if max_count <= (
      select count(*) from notification_job j
      where j.tenant = tenant and not (j.document ->> 'deleted')::boolean
    ) then
      return 0;
    end if;
  end if;
  if not exists (select from consumer c where c.tenant = tenant and c.id = 'projection:shop') then
    perform register_consumer(
      tenant, 'projection', 'projection:shop', shop_filter, 'running', 'projection_started',
      'millrace', 'The first notification job needs it.', 0, null, 1, latest_position
    );
  end if;
  change_position := next_position(latest_position);
  if expected_version = 0 then
    insert into notification_job as j (
      tenant, id, version, document, created_position, changed_position, through_position,
      next_run_at
    ) values (
      tenant, id, 1, document, change_position, change_position, change_position, next_run_at
    )
    on conflict do nothing
    returning j.* into changed;
  else
    update notification_job j
    set version = j.version + 1,
      document = document,
      changed_position = change_position,
      next_run_at = next_run_at
    where j.tenant = tenant and j.id = id
    returning j.* into changed;
  end if;
  if changed.id is null then
    return null;
  end if;
  insert into config_log (
    tenant, position, kind, id, version, action, status, actor, reason, document
  ) values (
    tenant, change_position, 'job', 'job:' || id, changed.version, action, status, actor, reason,
    document
  );
  perform setval('lane_position', change_position);
  return change_position;
end
$$;
