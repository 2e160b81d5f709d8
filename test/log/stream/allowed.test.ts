// The tokens of open streams, looked at again and again: one that cannot be looked at now keeps no
// other one from being refused, and no expired one from its end.

import { expect, it, onTestFinished } from 'vitest'
import { until } from '../../../scripts/kit/until.ts'
import { createStreams } from '../../../src/log/stream/streams.ts'
import { createLogger } from '../../../src/logger.ts'
import { makeKey } from '../../access/callers.ts'
import { useDatabase } from '../../helpers/database.ts'
import { startService } from '../../helpers/service.ts'
import { openStream } from '../../helpers/streams.ts'
import { startWire } from '../../helpers/wire.ts'

const database = useDatabase()

it('are looked at apart: a look that takes long keeps nobody waiting', async () => {
  const streams = createStreams(createLogger('error'))
  const ended: string[] = []
  const end = (tenant: string) => () => void ended.push(tenant)
  streams.add({ tenant: 'slow', isAllowed: () => new Promise(() => {}), end: end('slow') })
  streams.add({ tenant: 'revoked', isAllowed: async () => false, end: end('revoked') })
  await until('one has ended', () => ended.length > 0)
  expect(ended).toEqual(['revoked'])
  await streams.stop()
})

it('end in time while the database is away', async () => {
  const wire = await startWire(database.url)
  onTestFinished(() => wire.close())
  const service = await startService('serve', { DATABASE_URL: wire.url })
  onTestFinished(async () => void (await service.kill('SIGKILL')))
  const expires_at = new Date(Date.now() + 3_000).toISOString()
  const { token } = await makeKey(service.url, { expires_at })
  const stream = await openStream(service.url, { token })
  wire.goDown()
  await stream.ended
  expect(stream.rest).toContain(': the token is not valid any more\n')
})
