// A tenant's sender as it is shown.

import { expect, it } from 'vitest'
import { call } from '../../../scripts/kit/client.ts'
import { useDatabase } from '../../helpers/database.ts'
import { startService } from '../../helpers/service.ts'

const database = useDatabase()

it('is shown without credentials in its URL, which were taken once', async () => {
  const service = await startService('serve', { DATABASE_URL: database.url })
  const path = `${service.url}/api/v1/notification-sender`
  const url = 'http://127.0.0.1:9/mail'
  const sender = { api_key: 'SG.key', from_email: 'shop@example.com', url }
  const body = JSON.stringify(sender)
  expect(await call(path, { method: 'PUT', body })).toMatchObject({ status: 200, body: { url } })
  await database.admin.pool.query(
    `update notification_sender
    set document = jsonb_set(document, '{url}', '"http://user:pass-word@127.0.0.1:9/mail"')`,
  )
  expect((await call(path)).body).toEqual({ from_email: 'shop@example.com', url })
  await service.kill('SIGTERM')
})
