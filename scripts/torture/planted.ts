// Planted bugs, one at a time, in a copy of the program: the torture must catch each. A bug is a
// change of text that must still fit; otherwise it is reported as out of date.

import type { Plant } from './plant.ts'
import { plantsAround } from './planted-around.ts'
import { plantsOfBulk } from './planted-bulk.ts'
import { plantsOfReplays } from './planted-replay.ts'

const SEND = 'src/delivery/send.ts'
const FAILURE = 'src/delivery/failure.ts'
const WINDOW = 'src/delivery/window.ts'
const STEP = 'src/delivery/step.ts'
const APPEND_SQL = 'sql/functions/append_events.sql'
const APPEND_ONE_SQL = 'sql/functions/append_event.sql'
const POSITION_SQL = 'sql/functions/next_position.sql'

const ownPlants: Plant[] = [
  {
    name: 'a stop is not alerted',
    harm: 'A subscriber of alerts never learns that the stream has stopped.',
    changes: [
      {
        file: 'sql/functions/alert_of_change.sql',
        find: 'begin\n',
        put: "begin if new.status = 'stopped' then return null; end if;",
      },
    ],
  },
  {
    name: 'the cursor is committed before the send',
    harm: 'A kill in between loses what was in flight.',
    changes: [
      {
        file: WINDOW,
        find: '[...unresolved.keys()]',
        put: `[...unresolved].flatMap(([position, { events: [first] }]) =>
      first?.position !== position || ready.includes(first) ? [position] : [],
    )`,
      },
    ],
  },
  {
    name: 'unresolved is not written',
    harm: 'Events that were read and not yet sent are lost with their worker.',
    changes: [
      {
        file: 'src/delivery/intake.ts',
        find: 'const unresolved = window.unresolved()',
        put: 'const unresolved: number[] = []',
      },
    ],
  },
  {
    name: 'a lease without owner and epoch, steps go back',
    harm: 'A worker that was frozen writes over the one that took its place.',
    changes: [
      {
        file: STEP,
        find: `        and owner = \${lease.owner} and epoch = \${lease.epoch}\n`,
        put: '',
      },
      // This holds even so: no step moves the cursor back.
      { file: STEP, find: 'const isAhead = sql`', put: 'const isAhead = sql`false and ' },
      { file: STEP, find: 'greatest(cursor.read_position, ', put: 'greatest(' },
    ],
  },
  {
    name: 'no sweep',
    harm: 'After a kill nobody wakes an integration until something new is published.',
    changes: [
      {
        file: 'src/maintenance/sweep.ts',
        find: 'const swept = rows[0].mine ?',
        put: 'const swept = rows[0].mine && Date.now() < 0 ?',
      },
    ],
  },
  {
    name: 'acknowledged before the commit is durable',
    harm: 'A crash of the database loses events that were answered with 201.',
    changes: [
      {
        file: 'src/db/session.ts',
        find: "...(kind === 'relaxed' ? [] : [durability])",
        put: `"set_config('synchronous_commit', 'off', false)"`,
      },
    ],
  },
  {
    name: 'the window offers two of an entity at once',
    harm: 'Events of an entity overtake each other.',
    changes: [
      {
        file: WINDOW,
        find: `\\n\${event.entityId}\``,
        put: `\\n\${event.entityId}\\n\${event.position}\``,
      },
    ],
  },
  {
    name: 'the log without its lock',
    harm: 'Positions become visible out of order, and a reader passes over the late ones.',
    changes: [
      { file: POSITION_SQL, find: '  perform pg_advisory_xact_lock(1296651858, 0);\n', put: '' },
    ],
  },
  {
    name: 'keys are looked up before the lock is held',
    harm: 'Two tries of one publisher at two processes are two events.',
    changes: [
      { file: APPEND_SQL, find: '  first_free := next_position(latest_position);\n', put: '' },
      {
        file: APPEND_SQL,
        find: '  insert into event (',
        put: '  first_free := next_position(latest_position);\n\n  insert into event (',
      },
      {
        file: APPEND_ONE_SQL,
        find: '  first_free := next_position(append_event.latest_position);\n',
        put: '',
      },
      {
        file: APPEND_ONE_SQL,
        find: 'select append_event.tenant, new_hash, first_free\n',
        put: 'select append_event.tenant, new_hash, next_position(append_event.latest_position)\n',
      },
      {
        file: APPEND_ONE_SQL,
        find: '= new_fingerprint\n  );\n',
        put: '= new_fingerprint\n  )\n  returning position into first_free;\n',
      },
    ],
  },
  {
    name: 'a rejected event that finds no room is dropped',
    harm: 'The event that reached the limit of 30 is nowhere.',
    changes: [
      {
        file: FAILURE,
        find: "if (outcome === 'lost' || outcome === 'no_room') window.giveBack(event)",
        put: "if (outcome === 'lost') window.giveBack(event)",
      },
    ],
  },
  {
    name: 'a retry passes over the event that failed',
    harm: 'An event that the target could not take is never sent again.',
    changes: [
      {
        file: FAILURE,
        find: "case 'unavailable':\n          window.giveBack(event)",
        put: "case 'unavailable':\n          window.settle(event)",
      },
    ],
  },
  {
    name: 'a skip settles the whole window',
    harm: 'Events that were read and never tried are lost with the one that is skipped.',
    only: ['stop and start'],
    changes: [
      {
        file: 'sql/functions/skip_event.sql',
        find: 'after_skip := array_remove(held.unresolved, skipped_position);',
        put: "after_skip := '{}';",
      },
    ],
  },
  {
    name: 'a skip does not wait for the worker',
    harm: 'An event that was taken is kept as rejected, and its worker has lost the lease.',
    only: ['stop and start'],
    changes: [
      {
        file: 'sql/functions/may_be_sending.sql',
        find: 'and is_held(c.lease_until)',
        put: 'and false',
      },
    ],
  },
  {
    name: 'a stop that does not wait',
    harm: 'Requests leave after `stopped` was answered.',
    changes: [
      {
        file: 'src/integration/find.ts',
        find: `status = 'running' or \${held} then`,
        put: `status = 'running' or (\${held} and false) then`,
      },
      {
        file: 'src/consumer/stop.ts',
        find: 'return held !== undefined',
        put: 'return held === null',
      },
    ],
  },
  {
    name: 'a replay that completes by the clock',
    harm: 'The end of a replay is not sent.',
    changes: [
      {
        file: SEND,
        find: 'const isIdle = isEmpty(intake)',
        put: `const isPast = stopPosition !== null && Date.now() * 1000 > stopPosition
    const isIdle = isEmpty(intake) || isPast`,
      },
      {
        file: 'sql/functions/complete_replay.sql',
        find: `    and c.unresolved = '{}'
    and not exists (
      select from event e
      where e.tenant = tenant and e.position > c.read_position and e.position <= c.stop_position
    );`,
        put: ';',
      },
    ],
  },
  {
    name: 'a replay that leaves its rejected events behind',
    harm: 'It completes, and nobody can retry them any more.',
    changes: [
      {
        file: 'sql/functions/complete_replay.sql',
        find: 'elsif rejected_left = 0 then',
        put: 'elsif true then',
      },
    ],
  },
  {
    name: 'a replay is called live',
    harm: 'Receipts and audits say that its events were delivered as they were published.',
    changes: [
      {
        file: 'sql/functions/register_consumer.sql',
        find: `case when document ->> 'integration_type' = 'temporary' then 1 else 0 end`,
        put: '0',
      },
    ],
  },
  {
    name: 'what a queue did not take is taken for delivered',
    harm: 'One message of a request fails, and is lost.',
    changes: [
      {
        file: 'src/destination/queue.ts',
        find: 'const error = errors.get(i)',
        put: 'const error = errors.get(-1)',
      },
    ],
  },
  {
    name: 'a message gets a new deduplication id each time',
    harm: 'A repeat is a second message of a FIFO queue.',
    changes: [
      {
        file: 'src/destination/message.ts',
        find: 'deduplicationId: `msg_',
        put: `deduplicationId: \`msg_\${performance.now()}_`,
      },
    ],
  },
  {
    name: 'a file counts as written before it is',
    harm: 'The store refuses the end of an upload, and the cursor is past its events.',
    changes: [
      {
        file: 'src/destination/s3.ts',
        find: 'await upload.complete()',
        put: 'void upload.complete().catch(() => {})',
      },
    ],
  },
  {
    name: 'a new key after a crash',
    harm: 'Events uploaded before the crash are in the bucket a second time.',
    changes: [
      {
        file: 'src/delivery/files/manifest.ts',
        find: `    select \${columns}
    from export_file
    where tenant = \${lease.tenant} and consumer = \${lease.consumer} and run = \${lease.run}
      and state = 'open'\`.execute(db)`,
        put: `    update export_file
    set key = key || '.again', upload_id = null
    where tenant = \${lease.tenant} and consumer = \${lease.consumer} and run = \${lease.run}
      and state = 'open'
    returning \${columns}\`.execute(db)`,
      },
    ],
  },
]

export const plants = [...ownPlants, ...plantsOfBulk, ...plantsOfReplays, ...plantsAround]
