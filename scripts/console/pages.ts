// Every page of the console, by the addresses that the stage gives them.

import { EVENTSTREAM, send } from '../kit/client.ts'

type ConsolePage = { name: string; address: string; isSignedIn: boolean }

type Health = { health: { position: number } }
type Changes = { changes: { action: string; changed_at: string }[] }

/** The pages, for a tenant that `buildStage` has filled. */
export async function pagesOf(url: string): Promise<ConsolePage[]> {
  const { body } = await send<Health>(`${url}${EVENTSTREAM}/erp-1`)
  const { changes } = (await send<Changes>(`${url}/changes?kind=integration&id=loyalty`)).body
  const stop = changes.find(({ action }) => action === 'integration_stopped')
  const addresses: Record<string, string> = {
    overview: '',
    'new-integration': '#/new-integration',
    integration: '#/integrations/erp-1',
    log: '#/integrations/erp-1/log',
    history: '#/integrations/loyalty/history',
    rejected: '#/integrations/warehouse/rejected',
    undelivered: '#/integrations/loyalty/undelivered',
    replays: '#/integrations/search-index/replays',
    files: '#/integrations/archive/files',
    edit: '#/integrations/loyalty/edit',
    subscriptions: '#/subscriptions',
    subscription: '#/subscriptions/crm',
    'edit-subscription': '#/subscriptions/crm/edit',
    'event-types': '#/event-types',
    'event-type': '#/event-types/order.created',
    events: '#/events',
    story: '#/events?q=4713',
    audit: '#/audit',
    'as-of': `#/audit/as-of?moment=${stop?.changed_at}`,
    keys: '#/keys',
    jobs: '#/jobs',
    job: '#/jobs/back-in-stock',
    'job-preview': '#/jobs/back-in-stock/preview',
    'job-edit': '#/jobs/back-in-stock/edit',
    'new-job': '#/new-job',
    event: `#/events/${body.health.position}`,
  }
  const pages = Object.entries(addresses).map(([name, address]) => ({
    name,
    address,
    isSignedIn: true,
  }))
  return [{ name: 'sign-in', address: '', isSignedIn: false }, ...pages]
}
