// A search over HTTP: calls that wait for an event, lines of JSON, the link to the next page, the
// bytes of a payload, and what is refused.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, publish, send } from '../../../scripts/kit/client.ts'
import { until } from '../../../scripts/kit/until.ts'
import { limits } from '../../../src/config.ts'
import { createPartitions } from '../../../src/log/partitions.ts'
import { createWaitingRoom } from '../../../src/log/search/waiting.ts'
import type { Server } from '../../../src/server.ts'
import { makeKey, revoke, startHere } from '../../access/callers.ts'
import { useDatabase } from '../../helpers/database.ts'

type Page = { events: { position: number; entity_id: string }[]; next: number | null }

const PAYLOAD = '{"b":25.080,\r\n "a":"\\u0000\u{1f4e6}", "a":12345678901234567890}'
const database = useDatabase()
let service: Server
beforeAll(async () => {
  await createPartitions(database.pool)
  service = await startHere(database.url)
})
afterAll(() => service.stop())

const find = (query: string, headers: Record<string, string> = {}) =>
  call<Page>(`${service.url}/events?${query}`, { headers })
let count = 0
const add = async (more: { entityId?: string; tenant?: string; payload?: string } = {}) =>
  (await publish(service.url, { key: `k-${count++}`, payload: '{}', ...more })).body.position
/** The calls that watch a tenant's log, as the hub of the process sees them. */
const waiting = async () => {
  const { rows } = await database.admin.pool.query(
    `select count(*)::integer as count from pg_locks where locktype = 'advisory' and objid = $1`,
    [1_296_651_863],
  )
  return rows[0].count > 0
}

describe('a call that waits', () => {
  it('is answered by the first event that passes, and by nothing else', async () => {
    const last = await add()
    const answers: Page[] = []
    const waits = find(`after=${last}&wait=30&entity_id=wanted`).then(({ body }) => {
      answers.push(body)
    })
    await until('somebody waits', waiting)
    await add({ entityId: 'other' })
    await add({ entityId: 'wanted', tenant: 'rival' })
    expect(answers).toEqual([])
    const position = await add({ entityId: 'wanted' })
    await waits
    expect(answers).toMatchObject([{ events: [{ position, entity_id: 'wanted' }], next: null }])
  })

  it('is refused once its key is revoked, and shows nothing that comes later', async () => {
    const last = await add()
    const { id, token } = await makeKey(service.url, { tenants: ['dodici'], scopes: ['read'] })
    const waits = call(`${service.url}/events?after=${last}&wait=30`, { token })
    await until('somebody waits', waiting)
    expect((await revoke(service.url, id)).status).toBe(200)
    await add()
    expect(await waits).toMatchObject({ status: 401, body: { error_code: 'unauthorized' } })
  })

  it('is answered at once if there is an event, and after its time without one', async () => {
    const position = await add()
    const at = performance.now()
    expect((await find(`after=${position - 1}&wait=30`)).body.events).toHaveLength(1)
    expect((await find(`after=${position}&wait=1`)).body).toEqual({ events: [], next: null })
    expect(performance.now() - at).toBeGreaterThan(990)
  })

  it('does not wait for the past', async () => {
    const last = await add()
    const at = performance.now()
    const { body } = await find(`after=${last - 1_000_000}&before=${last}&wait=30&entity_id=none`)
    expect(body).toEqual({ events: [], next: null })
    expect(performance.now() - at).toBeLessThan(10_000)
  })

  it('ends with the service', async () => {
    const other = await startHere(database.url)
    const answer = call<Page>(`${other.url}/events?after=${await add()}&wait=30`)
    await until('it has come', async () => {
      const { rows } = await database.admin.pool.query(
        `select from pg_locks where locktype = 'advisory' and objid = $1`,
        [1_296_651_863],
      )
      return rows.length > 1
    })
    const at = performance.now()
    await other.stop()
    expect((await answer).body.events).toEqual([])
    expect(performance.now() - at).toBeLessThan(10_000)
  })

  it('is one of at most a hundred of its tenant', () => {
    const room = createWaitingRoom()
    const enter = (tenant: string, times: number) =>
      Array.from({ length: times }, () => room.enter(tenant))
    const [leave] = enter('a', limits.waitingSearchesPerTenant)
    expect(() => room.enter('a')).toThrow('At most 100 calls of a tenant may wait.')
    leave?.()
    enter('a', 1)
    for (let i = 1; i < 10; i++) enter(`b-${i}`, 100)
    expect(() => room.enter('c')).toThrow('Too many calls wait for events; try again.')
  })
})

describe('an answer', () => {
  it('has the payload byte for byte; on a line a space for a line break', async () => {
    const position = await add({ payload: PAYLOAD })
    const text = async (path: string, accept: string) => {
      const answer = await fetch(service.url + path, {
        headers: { authorization: 'Bearer an-admin-token-for-tests', tenant: 'dodici', accept },
      })
      return [answer.headers.get('content-type'), await answer.text()] as const
    }
    const json = 'application/json; charset=utf-8'
    const one = await text(`/events/${position}`, '*/*')
    expect([one[0], one[1].endsWith(`,"payload":${PAYLOAD}}`)]).toEqual([json, true])
    const page = await text(`/events?after=${position - 1}`, 'application/json')
    expect(page).toEqual([json, `{"events":[${one[1]}],"next":null}`])
    const lines = await text(`/events?after=${position - 1}`, 'application/x-ndjson')
    expect(lines).toEqual(['application/x-ndjson', `${one[1].replace('\r\n', '  ')}\n`])
  })

  it('links to its next page, which has the same filter', async () => {
    const positions = [await add({ entityId: 'l&1' }), await add({ entityId: 'l&1' })]
    const query = 'entity_id=l%261&name=order.*&name=a.b&limit=1'
    const linkOf = ({ headers }: { headers: Record<string, unknown> }) =>
      /^<(.*)>; rel="next"$/.exec(String(headers['link']))?.[1] as string
    const first = await find(query)
    expect(linkOf(first)).toBe(
      `/events?entity_id=l%261&name=order.*&name=a.b&limit=1&after=${positions[0]}`,
    )
    const second = await call<Page>(service.url + linkOf(first))
    expect(second.body.events).toMatchObject([{ position: positions[1] }])
    const newest = await find(`${query}&order=desc`)
    expect(linkOf(newest)).toContain(`&order=desc&before=${positions[1]}`)
  })

  it('is no longer than its bytes: a page ends in front of the event that is too much', async () => {
    const large = `{"text":"${'x'.repeat(900_000)}"}`
    for (let i = 0; i < 6; i++) await add({ entityId: 'large', payload: large })
    const first = await find('entity_id=large')
    expect(first.body.events).toHaveLength(4)
    const second = await find(`entity_id=large&after=${first.body.next}`)
    expect([second.body.events.length, second.body.next]).toEqual([2, null])
  })
})

describe('what is refused', () => {
  it.each([
    ['color=red', 'color is not a parameter.'],
    ['limit=0', 'limit must be a whole number from 1 to 1000.'],
    ['limit=1001', 'limit must be a whole number from 1 to 1000.'],
    ['limit=1e2', 'limit must be a whole number from 1 to 1000.'],
    ['after=-1', 'after must be a whole number from 0 to 9007199254740991.'],
    ['before=9007199254740992', 'before must be a whole number from 0 to 9007199254740991.'],
    ['order=up', 'order must be asc or desc.'],
    ['from=yesterday', 'from must be a time like 2026-01-17T12:00:00.000Z.'],
    ['from=2026-02-02T00:00:00Z&to=2026-02-02T00:00:00Z', 'to must be later than from.'],
    ['wait=31&after=1', 'wait must be a whole number from 0 to 30.'],
    ['wait=1', 'wait goes with `after` and the order asc.'],
    ['wait=1&after=1&order=desc', 'wait goes with `after` and the order asc.'],
    ['order_id=a&order_id=b', 'order_id is repeated.'],
    ['a=1&limit=x&b', 'a is not a parameter; b is not a parameter.'],
    ['order=up&limit=x', 'order must be asc or desc; limit must be a whole number from 1 to 1000.'],
  ])('%s', async (query, message) => {
    const { status, body } = await find(query)
    expect([status, (body as unknown as { message: string }).message]).toEqual([400, message])
  })

  it.each(['to=1970-01-01T00:00:00Z', 'from=9999-12-31T23:59:59Z'])(
    'not %s: one end alone is never before the other, and the page is empty',
    async (query) => {
      expect(await find(query)).toMatchObject({ status: 200, body: { events: [], next: null } })
    },
  )

  it.each(['0', 'order.created', '-1', '1e3', '99999999999999999'])(
    'a position that is %s: 400, or 404',
    async (position) => {
      const { status } = await send(`${service.url}/events/${position}`)
      expect(status).toBe(position === '0' ? 404 : 400)
    },
  )
})
