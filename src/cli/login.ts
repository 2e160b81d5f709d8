// millrace login: tries a token, and stores it with its URL and tenant as the user's profile. A
// token that is not on the command line is read without an echo, or from a pipe.

import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Command } from 'commander'
import { type Access, AnswerError, createClient, type ServiceClient, UsageError } from './client.ts'
import type { Surroundings } from './client-command.ts'
import { showJson } from './output.ts'
import { type AccessOptions, urlOf, writeProfile } from './profile.ts'
import { INTEGRATIONS } from './stream.ts'

const ONLY_PUBLISHES =
  'This token can only publish: millrace publish takes it, every other command needs another one.'

type LoginOptions = AccessOptions & { json?: boolean }

/** Adds the command to the parser. */
export function declareLogin(command: Command, surroundings: Surroundings): void {
  command
    .description('Tries a token, and stores it with the URL and the tenant for later commands.')
    .option('--url <url>', 'the service; else MILLRACE_URL, or http://127.0.0.1:8080')
    .option('--token <token>', 'the token; without it, it is read from the terminal or a pipe')
    .option('--tenant <tenant>', 'the tenant of later commands, if the token has several')
    .option('--json', 'print JSON: the URL, the tenant and the file of the profile')
    .addHelpText(
      'after',
      '\nExample:\n  millrace login --url https://millrace.example.com --tenant dodici < key.txt',
    )
    .action((options: LoginOptions) => login(options, surroundings))
}

async function login(options: LoginOptions, surroundings: Surroundings): Promise<void> {
  const { config, note } = surroundings
  const url = urlOf(config, options)
  const tenant = options.tenant ?? config.MILLRACE_TENANT
  const token = options.token ?? config.MILLRACE_TOKEN ?? (await readToken())
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError('A token is one word of visible ASCII.')
  const access = await problemOf({ url, token, tenant })
  const file = writeProfile(config, { url, token, ...(tenant ? { tenant } : {}) })
  if (access) note(access)
  if (options.json) showJson(surroundings, options, JSON.stringify({ url, tenant, file }), () => [])
  else note(`Logged in to ${url}${tenant ? ` as ${tenant}` : ''}: ${file}`)
}

/** Why a valid token will not do for every command; undefined if it will. Throws if it is wrong. */
async function problemOf(access: Access): Promise<string | undefined> {
  const client = createClient(access)
  try {
    await client.call('GET', INTEGRATIONS.path)
    return undefined
  } catch (error) {
    // 400: a token of several tenants, and none is named.
    if (!(error instanceof AnswerError) || ![400, 403].includes(error.status)) throw error
    return error.status === 403 && (await onlyPublishes(client)) ? ONLY_PUBLISHES : error.message
  }
}

/** False if the service does not say: an older one answers 403. */
async function onlyPublishes(client: ServiceClient): Promise<boolean> {
  try {
    const { scopes } = (await client.call('GET', '/whoami')) as { scopes: string[] }
    return scopes.join() === 'publish'
  } catch (error) {
    if (error instanceof AnswerError) return false
    throw error
  }
}

async function readToken(): Promise<string> {
  const { stdin, stderr } = process
  if (stdin.isTTY) stderr.write('Token (not shown): ')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: stdin, output: silent, terminal: Boolean(stdin.isTTY) })
  try {
    for await (const line of reader) return line.trim()
    throw new UsageError('No token was given: --token, or standard input.')
  } finally {
    reader.close()
    if (stdin.isTTY) stderr.write('\n')
  }
}
