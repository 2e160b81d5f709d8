// A planted bug of bulk bodies.

import type { Plant } from './plant.ts'

export const plantsOfBulk: Plant[] = [
  {
    name: 'a bulk body goes on after a part that failed',
    harm: 'Later lines are stored before earlier ones, and answers get out of step.',
    only: ['crash the database', 'failover'],
    changes: [
      { file: 'src/gateway/bulk.ts', find: '    bulk.isBroken = true\n', put: '' },
      // Harmless alone: publishers get 503 sooner.
      { file: 'src/log/batch.ts', find: 'RETRY_MS = 5_000', put: 'RETRY_MS = 50' },
    ],
  },
]
