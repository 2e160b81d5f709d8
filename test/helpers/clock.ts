// Another clock for a database: clock_timestamp() and now() in public precede the system's in the
// search path, and read their offset from a table.

import { query } from '../../scripts/kit/postgres.ts'

/**
 * Gives the database at `url` (an administrator's) its own clock, for connections opened
 * afterwards. The returned function sets the offset, as an interval of SQL.
 */
export async function shadowClock(url: string): Promise<(offset: string) => Promise<void>> {
  const shadow = (name: string, volatility: string) => `
    create function public.${name}() returns timestamptz language sql ${volatility} as
    $$select pg_catalog.${name}() + (select off from public.test_clock)$$;`
  await query(
    url,
    `create table public.test_clock as select interval '0' as off;
    grant select on public.test_clock to public;
    ${shadow('clock_timestamp', 'volatile')}
    ${shadow('now', 'stable')}
    -- These look for the system's functions first.
    alter function create_partition(regclass, date, integer) set search_path = public, pg_catalog;
    alter function retire_partition(regclass) set search_path = public, pg_catalog;
    do $$ begin
      execute format('alter database %I set search_path = public, pg_catalog', current_database());
    end $$`,
  )
  return async (offset) => {
    await query(url, `update public.test_clock set off = '${offset}'`)
  }
}
