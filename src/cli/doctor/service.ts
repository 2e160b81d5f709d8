// The doctor's questions to a running service: whether it is ready, its version, and which streams
// of the tenant are not well.

import { version } from '../../version.ts'
import { AnswerError, NoAnswer, type ServiceClient } from '../client.ts'
import { type HealthShown, INTEGRATIONS, isWell, remedyOf, SUBSCRIPTIONS } from '../stream.ts'
import type { Finding } from './finding.ts'

type Stream = { id: string; health?: HealthShown }

/** `isNamed`: somebody has named the service; otherwise it need not run. */
export async function examineService(
  client: ServiceClient,
  url: string,
  isNamed: boolean,
): Promise<Finding[]> {
  try {
    await client.call('GET', '/healthz')
  } catch (error) {
    const state = isNamed || !(error instanceof NoAnswer) ? 'fail' : 'warn'
    return [{ area: 'service', state, message: (error as Error).message }]
  }
  const ready = await attempt(async () => {
    await client.call('GET', '/readyz')
    return [{ area: 'service', state: 'ok', message: `${url} is ready.` }]
  })
  const streams = await attempt(() => examineStreams(client))
  return [...ready, ...(await attempt(() => examineVersion(client))), ...streams]
}

async function examineVersion(client: ServiceClient): Promise<Finding[]> {
  const document = (await client.call('GET', '/openapi.json')) as { info: { version: string } }
  const running = document.info.version
  if (running === version) return [{ area: 'service', state: 'ok', message: `Version ${version}.` }]
  const message = `The service has version ${running}, and this program ${version}.`
  const remedy = 'Upgrade the older one.'
  return [{ area: 'service', state: 'warn', message, remedy }]
}

async function examineStreams(client: ServiceClient): Promise<Finding[]> {
  const { integrations } = (await client.call('GET', INTEGRATIONS.path)) as {
    integrations: Stream[]
  }
  const subscriptions = (await client.call('GET', SUBSCRIPTIONS.path)) as Stream[]
  const findings = [
    ...integrations.flatMap((one) => findingOfStream('integration', one)),
    ...subscriptions.flatMap((one) => findingOfStream('subscription', one)),
  ]
  const count = integrations.length + subscriptions.length
  const well = count - findings.length
  const are = well === 1 ? 'is' : 'are'
  const message = `${well} of ${count} integrations and subscriptions ${are} well.`
  return [{ area: 'service', state: 'ok', message }, ...findings]
}

/** A stream that somebody has stopped is no failure: only a stop by the service itself is. */
function findingOfStream(noun: 'integration' | 'subscription', { id, health }: Stream): Finding[] {
  if (!health || isWell(health)) return []
  const isFailed = health.state === 'failing' || health.stopped_by === 'millrace'
  const remedy = remedyOf(noun === 'integration' ? INTEGRATIONS : SUBSCRIPTIONS, id, health)
  const state = isFailed ? 'fail' : 'warn'
  return [{ area: 'service', state, message: `${noun} ${id}: ${health.message}`, remedy }]
}

/** The findings; an error of the service is one, too. */
async function attempt(examine: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await examine()
  } catch (error) {
    // 400: a token of several tenants, and none is named. It is the command that lacks something.
    const isOurs = error instanceof AnswerError && [400, 401, 403].includes(error.status)
    return [{ area: 'service', state: isOurs ? 'warn' : 'fail', message: (error as Error).message }]
  }
}
