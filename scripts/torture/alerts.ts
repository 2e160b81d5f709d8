// The check of alerts: every change of status has its event at its own position, no event is about
// nothing, and the last alert of each stream is what its cursor says.

import { type Evidence, insist } from './check.ts'

const CHANGES = `(
  'integration_started', 'integration_stopped', 'subscription_started', 'subscription_stopped'
)`
/** Read once: there are few among all events. */
const ALERTS = `with alert as materialized (
    select tenant, position, name, entity_id from event where name like 'millrace.%'
  )`
const checks = {
  'change without an alert': `
    select id || ' ' || action || ' at ' || position as found
    from config_log
    where action in ${CHANGES} and not exists (
      select from event
      where event.tenant = config_log.tenant and event.position = config_log.position
        and event.name = 'millrace.' || config_log.action and event.entity_id = config_log.id
    )`,
  'alert about nothing': `
    ${ALERTS}
    select entity_id || ' ' || name || ' at ' || position as found
    from alert
    where substr(name, 10) in ${CHANGES} and not exists (
      select from config_log
      where config_log.tenant = alert.tenant and config_log.position = alert.position
        and config_log.id = alert.entity_id
    )`,
  'last alert that is not true': `
    ${ALERTS}
    select consumer || ' is alerted: ' || alerted as found
    from cursor
    where run <= 1 and alerted <> coalesce((
      select name like '%_interrupted'
      from alert
      where alert.tenant = cursor.tenant and alert.entity_id = cursor.consumer
        and name ~ '^millrace\\..*_(interrupted|recovered|stopped)$'
      order by position desc
      limit 1
    ), false)`,
}

/** Compares the alerts with the config log and the cursors; returns how many there are. */
export async function checkAlerts({ session, findings }: Evidence): Promise<number> {
  for (const [check, text] of Object.entries(checks)) {
    for (const { found } of await insist<{ found: string }>(session, text)) {
      findings.broke(check, found)
    }
  }
  const count = `select count(*)::integer as count from event where name like 'millrace.%'`
  return (await insist<{ count: number }>(session, count))[0]?.count ?? 0
}
