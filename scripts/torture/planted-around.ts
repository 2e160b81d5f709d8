// Planted bugs that the surroundings of the program reveal: a session of the database, a failover,
// a clock, a name server, a peer's connection. The program once had each of them.

import type { Plant } from './plant.ts'

const FAILURE = 'src/db/failure.ts'
const SESSION = 'src/db/session.ts'

export const plantsAround: Plant[] = [
  {
    name: 'a cancelled statement is a bug',
    harm: 'A process ends if somebody cancels what nobody waits for.',
    only: ['cancel statements'],
    changes: [
      {
        file: FAILURE,
        find: 'if (error instanceof pg.DatabaseError || isOfSocket(error)) return false',
        put: `if (error instanceof pg.DatabaseError) return error.code === '57014'
  if (isOfSocket(error)) return false`,
      },
    ],
  },
  {
    name: 'a connection to a standby is kept',
    harm: 'After a failover a process publishes nothing until it is restarted.',
    only: ['read-only spell'],
    changes: [
      { file: SESSION, find: "if (got.role === 'standby' &&", put: 'if (Date.now() < 0 &&' },
      { file: FAILURE, find: "...['25006', '25P02',", put: "...['25P02'," },
    ],
  },
  {
    name: 'commits do not wait for the standby',
    harm: 'A failover loses events that were answered with 201.',
    only: ['failover'],
    changes: [
      {
        file: SESSION,
        find: "case current_setting('synchronous_commit')",
        put: "case 'local' when 'local' then 'local'",
      },
    ],
  },
  {
    name: 'the clock of the database is not bounded',
    harm: 'One event three days ahead, and all that follow are dated after it.',
    only: ['step the clock'],
    changes: [
      {
        file: 'sql/functions/next_position.sql',
        find: 'if clock_position > latest_position then',
        put: 'if clock_position > latest_position and false then',
      },
    ],
  },
  {
    name: 'a retry is due by the clock that it was written by',
    harm: 'A clock that was two hours ahead for a second stops a target for two hours.',
    only: ['step the clock'],
    changes: [
      {
        file: 'sql/functions/is_due.sql',
        find: "    or coalesce(retry_set_at, retry_at - interval '10 hours') > clock_timestamp()\n",
        put: '',
      },
    ],
  },
  {
    name: 'a request that met a closed connection is a failure',
    harm: 'A receiver that hangs up after its answers gets a few events a second.',
    only: [],
    changes: [
      {
        file: 'src/destination/connections.ts',
        find: 'if (isClosed || !metClosed(connection, result)) return done(result)',
        put: 'if (performance.now() > 0) return done(result)',
      },
    ],
  },
  {
    name: '100 Continue is an error',
    harm: 'A receiver that says it unasked gets nothing, and is stopped in the end.',
    only: [],
    changes: [
      {
        file: 'src/destination/answers.ts',
        find: 'if (isContinue && byte === ZERO) chunk[i] = TWO',
        put: '',
      },
    ],
  },
  {
    name: 'names are looked up on threads',
    harm: "Some silent names of one tenant stop everybody's deliveries.",
    only: [],
    changes: [
      {
        file: 'src/destination/resolve.ts',
        find: 'export const { resolve, lookup } = createResolver()',
        put: `export const { resolve } = createResolver()
const lookup = dns.lookup as unknown as net.LookupFunction
export { lookup }`,
      },
    ],
  },
  {
    name: 'a follower that is behind goes to the tail after one page',
    harm: 'A client that comes back after a while misses most of what came meanwhile.',
    changes: [
      {
        file: 'src/log/stream/follow.ts',
        find: 'return isLast ? Math.max(through, known) : through',
        put: 'return Math.max(through, known)',
      },
    ],
  },
]
