// Integrations that have settled a log that has grown (growth-fill.ts): a receipt for each step, a
// failed try now and then. One has settled nothing: it is behind by the whole log.

import { query } from '../kit/postgres.ts'

const DAY_US = 86_400_000_000
/** As the engine's steps under load. */
const EVENTS_OF_STEP = 200
const EVENTS_OF_FAILURE = 1_000
/** The one that has settled nothing. */
export const BEHIND = 'behind'

/** Registers `ids` before the first of `events` that were made over `days`, and settles all. */
export async function fillStreams(
  url: string,
  { events, days }: { events: number; days: number },
  { tenant, ids }: { tenant: string; ids: string[] },
): Promise<void> {
  const today = Math.floor((Date.now() * 1000) / DAY_US)
  const start = (today - days) * DAY_US
  const positionOf = (number: string) =>
    `${start} + (${number} * ${(days * DAY_US) / events}::float8)::bigint`
  const document = JSON.stringify({
    integration_type: 'permanent',
    callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
  })
  const named = `unnest('{${ids}}'::text[]) as id`
  await query(
    url,
    `set statement_timeout = 0;
    set synchronous_commit = off;
    select create_partition(name, (now() at time zone 'UTC')::date - day, 1)
    from unnest('{receipt,attempt}'::text[]) as name, generate_series(0, ${days}) as day;
    insert into config_log (tenant, position, kind, id, version, action, status, actor, reason,
      document)
    select '${tenant}', ${start} - 1000 + place, 'integration', id, 1, 'integration_started',
      'running', 'bench', 'Registered.', '${document}'
    from unnest('{${[...ids, BEHIND]}}'::text[]) with ordinality as one (id, place);
    insert into receipt
    select '${tenant}', ${positionOf(`(i + 1) * ${EVENTS_OF_STEP}`)}, id, 0, 1,
      ${positionOf(`i * ${EVENTS_OF_STEP}`)} - 1,
      ${positionOf(`(i + 1) * ${EVENTS_OF_STEP}`)} - 1, ${EVENTS_OF_STEP}, 0, 0, '{}'
    from ${named}, generate_series(0, ${events / EVENTS_OF_STEP - 1}) as i;
    insert into attempt (tenant, position, consumer, run, event_position, attempt, outcome, reason)
    select '${tenant}', ${positionOf('number')} + 1000, id, 0, ${positionOf('number')}, 1,
      'unavailable', 'Request to URL http://127.0.0.1:9/ failed.'
    from ${named}, generate_series(0, ${events - 1}, ${EVENTS_OF_FAILURE}) as number;
    insert into cursor (tenant, consumer, read_position)
    select '${tenant}', id, ${today * DAY_US} - 1 from ${named};
    insert into cursor (tenant, consumer, read_position)
    values ('${tenant}', '${BEHIND}', ${start} - 1);
    analyze`,
  )
}
