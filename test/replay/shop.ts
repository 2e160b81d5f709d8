// A tenant with events, an integration that has received them, and the replays of both: for tests.

import { randomUUID } from 'node:crypto'
import { publish, register } from '../../scripts/kit/client.ts'
import type { Received, Receiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { timeOf } from '../../src/log/position.ts'
import type { Replay } from '../../src/replay/schemas.ts'
import { api, type Service } from '../helpers/service.ts'

const ID = 'erp'

/**
 * Publishes events of these names, each of an entity of its own. The integration "erp" receives
 * them in order, one at a time. `more`: how it is registered.
 */
export async function openShop(
  { service, receiver }: { service: Service; receiver: Receiver },
  names: string[],
  more: Record<string, unknown> = {},
) {
  const tenant = `shop-${randomUUID().slice(0, 8)}`
  const path = `/${tenant}`
  const { ask, on } = api(service, tenant)
  const arrivals = (): Received[] => receiver.received.filter(({ url }) => url === path)
  const inOrder = { delivery: { max_in_flight: 1 } }
  await register(service.url, ID, receiver.url + tenant, { ...inOrder, ...more }, tenant)
  const positions: number[] = []
  for (const name of names) positions.push(await publishOne(name))
  const range = {
    from: timeOf(positions[0] as number),
    to: timeOf(positions.at(-1) as number),
  }
  const replays = `/api/v1/org/integrations/eventstream/${ID}/replays`
  const replay = async (number: number) =>
    (await ask('GET', `${replays}/${number}`)).body as unknown as Replay

  return {
    tenant,
    positions,
    range,
    arrivals,
    ask,
    publishOne,
    replay,
    on: (action = '', method = 'GET') => on(ID, action, method),
    /** The answer to a request for a replay of all its events. */
    start: (given: Record<string, unknown> = {}) => ask('POST', replays, { ...range, ...given }),
    dryRun: (given: Record<string, unknown> = {}) =>
      ask('POST', `${replays}?dry_run=true`, { ...range, ...given }),
    list: async (query = '') => (await ask('GET', replays + query)).body,
    cancel: (number: number) => ask('DELETE', `${replays}/${number}`),
    becomes: (number: number, state: Replay['state']) =>
      until(`replay ${number} is ${state}`, async () => {
        const found = await replay(number)
        return found.state === state && found
      }),
    /** Forgets the arrivals so far, once the live ones are there. */
    async settled(count: number) {
      await until(`${count} have arrived live`, () => arrivals().length >= count)
      receiver.received = receiver.received.filter(({ url }) => url !== path)
    },
    logs: async () =>
      (await on(ID, '/logs')).body['entries'] as { action: string; reason: string }[],
  }

  async function publishOne(name: string): Promise<number> {
    const event = { name, key: randomUUID(), entityId: randomUUID(), payload: '{"n":1}', tenant }
    return (await publish(service.url, event)).body.position
  }
}
