-- Moves the ids of newly appended events from the pending lists of event_by_id into the index
-- itself. Workers call it every two seconds: an append only adds to a list, and a search reads the
-- list as a whole. A list that nobody moves is moved by autovacuum, or by the append that exceeds
-- its limit (64 MB). If another process is at it, the function does nothing.
--
-- Only an owner may do this, so the function runs with the rights of its owner.
create or replace function flush_event_ids() returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if pg_try_advisory_xact_lock(1296651865) then
    perform gin_clean_pending_list(inhrelid)
    from pg_inherits
    where inhparent = 'event_by_id'::regclass;
  end if;
end
$$;

revoke execute on function flush_event_ids() from public;
