-- Appends the alert that a consumer keeps as many rejected events as it may: the next one stops it.
-- Called in the transaction that keeps the last one, after its rows.
create or replace function alert_rejected_limit(
  tenant text, consumer text, most_kept integer, latest_position bigint
) returns void
language sql as $$
  select append_alert(
    tenant, null, 'millrace.rejected_limit_reached', consumer,
    json_build_object(
      'kind', 'integration', 'id', consumer,
      'reason', format('The limit of %s rejected events is reached.', most_kept),
      'rejected_events', most_kept
    ),
    latest_position
  )
$$;
