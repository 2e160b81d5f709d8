// The start of the console: the page of the address, within the shell, for somebody who has signed
// in. A new page is a file in pages/, and a line here.

import { signal } from '@preact/signals'
import { render } from 'preact'
import { useEffect } from 'preact/hooks'
import { Shell } from '../parts/shell.js'
import { SignIn } from '../parts/sign-in.js'
import { html } from './html.js'
import { route } from './route.js'
import { session, tenant } from './session.js'
import { language, t } from './text.js'

/**
 * `title` is its name in the navigation; a page without one is reached from others. A page is
 * loaded when it is shown for the first time.
 * @typedef {(props: any) => any} PageComponent
 * @type {{ path: string, title?: import('./text.js').TextKey,
 *   load: () => Promise<PageComponent> }[]}
 */
const pages = [
  {
    path: '',
    title: 'overview.title',
    load: async () => (await import('../pages/overview.js')).Overview,
  },
  {
    path: 'events',
    title: 'events.title',
    load: async () => (await import('../pages/events.js')).Events,
  },
  {
    path: 'subscriptions',
    title: 'subscriptions.title',
    load: async () => (await import('../pages/subscriptions.js')).Subscriptions,
  },
  {
    path: 'event-types',
    title: 'types.title',
    load: async () => (await import('../pages/event-types.js')).EventTypes,
  },
  {
    path: 'integrations',
    load: async () => (await import('../pages/integration.js')).Integration,
  },
  {
    path: 'new-integration',
    load: async () => (await import('../pages/new-integration.js')).NewIntegration,
  },
  {
    path: 'audit',
    title: 'audit.title',
    load: async () => (await import('../pages/audit.js')).Audit,
  },
  { path: 'keys', title: 'keys.title', load: async () => (await import('../pages/keys.js')).Keys },
  { path: 'jobs', title: 'jobs.title', load: async () => (await import('../pages/jobs.js')).Jobs },
  { path: 'new-job', load: async () => (await import('../pages/new-job.js')).NewJob },
]
const inNavigation = pages.filter(({ title }) => title !== undefined)
/** By path. */
const loaded = signal(/** @type {Record<string, PageComponent>} */ ({}))

function App() {
  const [path = ''] = route.value.parts
  const isSignedIn = session.value !== null
  useEffect(() => {
    document.documentElement.lang = language.value
  }, [language.value])
  useEffect(() => {
    if (isSignedIn) void loadPage(path)
  }, [isSignedIn, path])
  if (!isSignedIn) return html`<${SignIn} />`
  return html`<${Shell} pages=${inNavigation} isLoaded=${path in loaded.value}>
    <${Page} key=${tenant.value} />
  <//>`
}

/** @param {string} path */
async function loadPage(path) {
  if (path in loaded.value) return
  const found = pages.find((one) => one.path === path)
  // The service may be away, or newer than this console.
  const page = found ? await found.load().catch(() => NotLoaded) : NoPage
  loaded.value = { ...loaded.value, [path]: page }
}

function Page() {
  const [path = '', ...rest] = route.value.parts
  const page = loaded.value[path]
  if (!tenant.value) {
    return html`<h1 tabindex="-1">${t('noTenant')}</h1><p>${t('noTenantHint')}</p>`
  }
  if (!page) return html`<p class="quiet" role="status">${t('loading')}</p>`
  return html`<${page} parts=${rest} query=${route.value.query} />`
}

function NoPage() {
  return html`<h1 tabindex="-1">${t('noPage')}</h1>`
}

function NotLoaded() {
  return html`<h1 tabindex="-1">${t('notLoaded')}</h1>
    <p><button onClick=${() => location.reload()}>${t('loadAgain')}</button></p>`
}

const root = document.querySelector('#console')
if (root) render(html`<${App} />`, root)
