// The table of commands that call a service by its URL and a token. Each is a file that declares
// its options and actions to the parser; only the one that is called is loaded.

import type { Declare } from './client-command.ts'

/** `usage` and `summary` are its line in `millrace help`. */
type ClientCommand = { usage: string; summary: string; load(): Promise<Declare> }

const commands: Record<string, ClientCommand> = {
  login: {
    usage: 'login',
    summary: 'store the URL, the token and the tenant for the commands below',
    async load() {
      const { declareLogin } = await import('./login.ts')
      return declareLogin
    },
  },
  keys: {
    usage: 'keys …',
    summary: 'create, list and revoke API keys',
    async load() {
      const { declareKeys } = await import('./keys.ts')
      return declareKeys
    },
  },
  integrations: {
    usage: 'integrations …',
    summary: 'list them with what is wrong and what to do; change and repair one',
    async load() {
      const { declareIntegrations } = await import('./integrations.ts')
      return declareIntegrations
    },
  },
  subscriptions: {
    usage: 'subscriptions …',
    summary: 'list them with what is wrong and what to do; change and repair one',
    async load() {
      const { declareSubscriptions } = await import('./subscriptions.ts')
      return declareSubscriptions
    },
  },
  replay: {
    usage: 'replay …',
    summary: 'send events of the past once more, and show how far it is',
    async load() {
      const { declareReplay } = await import('./replay.ts')
      return declareReplay
    },
  },
  rejected: {
    usage: 'rejected …',
    summary: 'show rejected events, send them again, delete them',
    async load() {
      const { declareRejected } = await import('./rejected.ts')
      return declareRejected
    },
  },
  types: {
    usage: 'types …',
    summary: 'list event types, and register their schemas',
    async load() {
      const { declareTypes } = await import('./types.ts')
      return declareTypes
    },
  },
  jobs: {
    usage: 'jobs …',
    summary: 'list notification jobs, change and run them',
    async load() {
      const { declareJobs } = await import('./jobs.ts')
      return declareJobs
    },
  },
  changes: {
    usage: 'changes',
    summary: 'show who changed what in the configuration, and how',
    async load() {
      const { declareChanges } = await import('./changes.ts')
      return declareChanges
    },
  },
  events: {
    usage: 'events …',
    summary: 'search the log, and see what was delivered to whom',
    async load() {
      const { declareEvents } = await import('./events.ts')
      return declareEvents
    },
  },
  tail: {
    usage: 'tail',
    summary: 'print events as they are published',
    async load() {
      const { declareTail } = await import('./tail.ts')
      return declareTail
    },
  },
  publish: {
    usage: 'publish [file]',
    summary: 'publish events of a file or of standard input, one a line',
    async load() {
      const { declarePublish } = await import('./publish.ts')
      return declarePublish
    },
  },
  listen: {
    usage: 'listen [port]',
    summary: 'print what arrives on 127.0.0.1; --forward sends events to a server',
    async load() {
      const { declareListen } = await import('./listen.ts')
      return declareListen
    },
  },
  doctor: {
    usage: 'doctor',
    summary: 'check the configuration, the database and the service, and say what to do',
    async load() {
      const { declareDoctor } = await import('./doctor/command.ts')
      return declareDoctor
    },
  },
  apply: {
    usage: 'apply -f <file>',
    summary: "bring a tenant's configuration to what a file says",
    async load() {
      const { declareApply } = await import('./apply/command.ts')
      return declareApply
    },
  },
  export: {
    usage: 'export',
    summary: "write a tenant's configuration as such a file",
    async load() {
      const { declareExport } = await import('./apply/command.ts')
      return declareExport
    },
  },
}

/** Whether it is one of this table. */
export function isClientCommand(name: string): boolean {
  return Object.hasOwn(commands, name)
}

/** Loads a command of the table. */
export async function loadClientCommand(name: string): Promise<Declare | undefined> {
  return commands[name]?.load()
}

/** All of them, in the order of the help. */
export function listClientCommands(): { name: string; usage: string; summary: string }[] {
  return Object.entries(commands).map(([name, { usage, summary }]) => ({ name, usage, summary }))
}
