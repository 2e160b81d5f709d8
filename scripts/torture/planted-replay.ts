// Bugs planted in replays beside a live stream: see planted.ts.

import type { Plant } from './plant.ts'

export const plantsOfReplays: Plant[] = [
  {
    name: 'a replay is cancelled before its worker has stopped',
    harm: 'Requests leave after the answer that says none does.',
    changes: [
      {
        file: 'sql/functions/finish_replay.sql',
        find: '      and is_held(c.lease_until)',
        put: '      and false',
      },
    ],
  },
]
