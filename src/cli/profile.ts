// Where a command finds its service: the URL, the token and the tenant, each from the command line,
// the environment or the profile of `millrace login`. The token of a profile, and that of a data
// directory, go to no other service.

import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Config } from '../config.ts'
import { faultOfUrl } from '../input/url.ts'
import { type Access, NoToken, UsageError } from './client.ts'

const DEFAULT_URL = 'http://127.0.0.1:8080'
const LOCAL = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** The options of a command that name the service. */
export type AccessOptions = { url?: string; token?: string; tenant?: string }

/** Stored by `millrace login`. */
type Profile = { url: string; token: string; tenant?: string }

type Surroundings = Pick<
  Config,
  | 'MILLRACE_URL'
  | 'MILLRACE_TOKEN'
  | 'MILLRACE_TENANT'
  | 'MILLRACE_ADMIN_TOKEN'
  | 'MILLRACE_DATA_DIR'
  | 'XDG_CONFIG_HOME'
>

/** The file of the profile. */
function profileFile({ XDG_CONFIG_HOME }: Surroundings): string {
  return path.join(XDG_CONFIG_HOME ?? path.join(os.homedir(), '.config'), 'millrace/profile.json')
}

/** Stores the profile, for its user alone. Returns the file. */
export function writeProfile(config: Surroundings, profile: Profile): string {
  const file = profileFile(config)
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(profile, null, 2)}\n`, { mode: 0o600 })
  // One that a killed login has left may have any mode.
  chmodSync(draft, 0o600)
  renameSync(draft, file)
  return file
}

/** Where requests go. Throws a UsageError if the URL is wrong, NoToken if none is known. */
export function accessOf(config: Surroundings, options: AccessOptions): Access {
  const profile = readProfile(config)
  const url = urlOf(config, options, profile?.url)
  const token =
    options.token ??
    config.MILLRACE_TOKEN ??
    config.MILLRACE_ADMIN_TOKEN ??
    (profile && isSameOrigin(profile.url, url) ? profile.token : localToken(config, url))
  const tenant = options.tenant ?? config.MILLRACE_TENANT ?? profile?.tenant
  return { url, token, tenant }
}

/** The URL of the service, without a slash at its end. Throws a UsageError if it is not one. */
export function urlOf(
  config: Surroundings,
  options: AccessOptions,
  ofProfile = readProfile(config)?.url,
): string {
  const url = options.url ?? config.MILLRACE_URL ?? ofProfile ?? DEFAULT_URL
  const fault = faultOfUrl(url)
  if (fault) throw new UsageError(`The URL of the service ${fault}.`)
  return url.replace(/\/+$/, '')
}

const isSameOrigin = (one: string, other: string) => new URL(one).origin === new URL(other).origin

/** Undefined if nobody has logged in. */
function readProfile(config: Surroundings): Profile | undefined {
  const file = profileFile(config)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${file} cannot be read: ${(error as Error).message}.`, { cause: error })
  }
  try {
    const { url, token, tenant } = JSON.parse(text)
    if (URL.canParse(url) && typeof token === 'string') return { url, token, tenant }
  } catch {
    // The same as a file with other fields.
  }
  throw new UsageError(`${file} is no profile. Write it anew: millrace login.`)
}

/** The admin token of a service on this machine. */
function localToken({ MILLRACE_DATA_DIR }: Surroundings, url: string): string {
  const remedy = 'Log in with millrace login, or set MILLRACE_TOKEN'
  const { hostname } = new URL(url)
  if (!LOCAL.test(hostname)) throw new NoToken(`There is no token for ${url}. ${remedy}.`)
  const file = path.join(MILLRACE_DATA_DIR, 'admin-token')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new NoToken(`The token is missing. ${remedy} (${file} cannot be read).`, { cause: error })
  }
}
