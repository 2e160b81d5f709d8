// The only reader of the environment: read once, every problem reported at once. Beside each key
// its default and bounds. A secret may come from a file: NAME_FILE holds the path (docker's
// secrets).

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { faultOfUrl } from './input/url.ts'

const flag = (value: boolean) => Type.Boolean({ default: value })
const whole = (value: number, minimum: number, maximum: number) =>
  Type.Integer({ default: value, minimum, maximum })

const Environment = Type.Object({
  HOST: Type.String({ default: '127.0.0.1', minLength: 1 }),
  PORT: whole(8080, 0, 65_535),
  /**
   * A PostgreSQL of your own, 15 or newer; without it an embedded one runs in MILLRACE_DATA_DIR.
   */
  DATABASE_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://' })),
  MILLRACE_DATA_DIR: Type.String({ default: '.millrace', minLength: 1 }),
  /**
   * May do everything, for every tenant. Without it one is made at the first start, in the data
   * directory.
   */
  MILLRACE_ADMIN_TOKEN: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]+$' })),
  /**
   * 32 bytes in hex or base64 that encrypt the secrets of integrations. Without it one is made
   * likewise.
   */
  MILLRACE_SECRET_KEY: Type.Optional(Type.String({ minLength: 32 })),
  /** The key before it, while that is being changed: it opens what the new one does not. */
  MILLRACE_SECRET_KEY_PREVIOUS: Type.Optional(Type.String({ minLength: 32 })),
  /** The secret of JWTs signed with HS256; also signs what /oauth2/token gives. */
  MILLRACE_JWT_SECRET: Type.Optional(Type.String({ minLength: 32 })),
  /** Where the public keys of JWTs are: RS256, ES256, EdDSA. */
  MILLRACE_JWKS_URL: Type.Optional(Type.String()),
  /** What a JWT must have as `iss` and `aud`; without them any will do. */
  MILLRACE_JWT_ISSUER: Type.Optional(Type.String({ minLength: 1 })),
  MILLRACE_JWT_AUDIENCE: Type.Optional(Type.String({ minLength: 1 })),
  /** For the commands that call a service: where it is, and with what token. */
  MILLRACE_URL: Type.String({ default: 'http://127.0.0.1:8080' }),
  MILLRACE_TOKEN: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]+$' })),
  /** Lets callback URLs, S3 endpoints and queues resolve to loopback and private addresses. */
  MILLRACE_ALLOW_PRIVATE_TARGETS: flag(false),
  MILLRACE_MAX_EVENT_BYTES: whole(1_048_576, 1, 16_777_216),
  /** Events a second that each tenant may publish, on each process; 0: as many as it likes. */
  MILLRACE_PUBLISH_RATE: whole(0, 0, 1_000_000),
  /** Changes a minute of a tenant's configuration, on each process; 0: as many as it likes. */
  MILLRACE_CHANGES_PER_MINUTE: whole(120, 0, 100_000),
  /** The first retry's delay; it doubles ten times. */
  MILLRACE_RETRY_BASE_MS: whole(1_200, 1, 60_000),
  MILLRACE_DELIVERY_TIMEOUT_MS: whole(30_000, 10, 300_000),
  /** Integrations that one worker advances at once; one that waits costs next to nothing. */
  MILLRACE_WORKER_CONCURRENCY: whole(1_000, 1, 5_000),
  /** How long a frozen worker keeps its integrations from the others. (is_held knows the most.) */
  MILLRACE_LEASE_MS: whole(10_000, 500, 300_000),
  /** How long events are kept, in days. */
  MILLRACE_RETENTION_DAYS: Type.Number({ default: 30, exclusiveMinimum: 0, maximum: 3_650 }),
  /** Events a second that the replays of a worker send, all together: live events must not wait. */
  MILLRACE_REPLAY_RATE: whole(2_500, 1, 1_000_000),
  /** A file in S3 ends so long after its first event, and before its lines are more bytes. */
  MILLRACE_S3_WINDOW_MS: whole(300_000, 10, 86_400_000),
  MILLRACE_S3_MAX_BYTES: whole(52_428_800, 1, 5_368_709_120),
  /** Lends the credentials of this machine to S3 integrations that are registered without keys. */
  MILLRACE_S3_DEFAULT_CREDENTIALS: flag(false),
  /** The same for subscriptions without keys. */
  MILLRACE_QUEUE_DEFAULT_CREDENTIALS: flag(false),
  /** What mails are sent with where a tenant has no sender of its own. */
  MILLRACE_SENDGRID_API_KEY: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]+$' })),
  MILLRACE_SENDGRID_URL: Type.String({ default: 'https://api.sendgrid.com' }),
  /** The address that mails come from, and the name beside it. */
  MILLRACE_SENDGRID_FROM: Type.Optional(Type.String({ format: 'email' })),
  MILLRACE_SENDGRID_FROM_NAME: Type.Optional(Type.String({ maxLength: 255 })),
  /**
   * Where `work` tells its health. Without a port it is 8081, or any other one if that is taken.
   */
  MILLRACE_MONITOR_HOST: Type.String({ default: '127.0.0.1', minLength: 1 }),
  MILLRACE_MONITOR_PORT: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
  MILLRACE_SWEEP_MS: whole(2_000, 50, 60_000),
  MILLRACE_LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent'], {
    default: 'info',
  }),
})

export type Config = Static<typeof Environment>

/** Bounds that no operator has a reason to move. */
export const limits = {
  /** What one append statement carries, and what waits for it; beyond that a publisher gets 503. */
  batchEvents: 500,
  batchBytes: 2 * 1024 * 1024,
  /** While others wait, an event that is larger than this has a batch of its own. */
  apartBytes: 128 * 1024,
  queueEvents: 10_000,
  queueBytes: 64 * 1024 * 1024,
  /**
   * How far the database's clock may be ahead of that of the process that publishes: nothing is
   * stored beyond it, for a position cannot be taken back. Clocks that are kept differ by far less.
   */
  clockAheadMs: 60_000,
  /**
   * Levels of JSON in a body, whatever it is for. Orders have about ten; Postgres refuses a
   * statement with more than its stack takes, about 22,000.
   */
  jsonDepth: 256,
  /** Headers and identifiers of an event. */
  textLength: 255,
  integrationsPerTenant: 10,
  /** Subscriptions that are active; and all of them, for the list of them is no page. */
  subscriptionsPerTenant: 100,
  subscriptionsKept: 1_000,
  /** Jobs that are not deleted, and keys that are active. */
  jobsPerTenant: 100,
  keysPerTenant: 1_000,
  /** A key made by a key made by a key …: each publish asks for the rate of every one of them. */
  keyGenerations: 8,
  /** The most events a second that a key's rate can be, as for MILLRACE_PUBLISH_RATE. */
  mostRate: 1_000_000,
  rejectedEvents: 30,
  logEntries: 50,
  /** Rows in one page of a list. */
  pageLength: 1_000,
  /**
   * Events that one statement reads for their names, and statements of one request: for the list,
   * and for warnings of a filter.
   */
  eventTypeStep: 50_000,
  eventTypeSteps: 20,
  eventTypeStepsOfWarning: 4,
  /** Names kept of a tenant; those that were published last. */
  eventTypesKept: 10_000,
  mostWarnings: 20,
  /** So many of the warnings name what is near, out of so many names before and after each. */
  warningsWithNearest: 5,
  neighbours: 100,
  /** Files in one answer. */
  filesListed: 100,
  mostFilesListed: 1_000,
  retries: 10,
  replaysPerWorker: 4,
  notificationsPerWorker: 4,
  /** Files that one worker writes at once: each takes about 15 MiB meanwhile. */
  filesPerWorker: 4,
  /** Beyond those, where the last try failed: a silent store must not hold up the others. */
  failedFilesPerWorker: 2,
  /** Runs of a notification job in one page, and of each the customers that were rejected. */
  runsListed: 50,
  runFailuresShown: 20,
  unreadableShown: 20,
  /** What SendGrid takes in one request: 1,000 recipients, and less than 30 MB. */
  mailsPerRequest: 1_000,
  mailRequestBytes: 20 * 1024 * 1024,
  /** What is read of a target's response, and what of it is kept in logs. */
  responseBytes: 64 * 1024,
  responseKept: 512,
  /** Events read from the log and not yet settled, per integration. */
  windowEvents: 500,
  windowBytes: 4 * 1024 * 1024,
  /** What one statement reads of the log, and what is held of it until the window has room. */
  pageEvents: 500,
  pageBytes: 4 * 1024 * 1024,
  /** The pages of all runs of a worker together, as far as the smallest page lets them. */
  pagesBytes: 128 * 1024 * 1024,
  smallestPageBytes: 128 * 1024,
  maxInFlight: 16,
  mostInFlight: 100,
  /** A document of configuration. Each change stores it whole in the config log, for ever. */
  configurationBytes: 64 * 1024,
  /** Bodies that are under way, over all connections, and small ones beside; http/body.ts. */
  bodiesBytes: 64 * 1024 * 1024,
  smallBodiesBytes: 32 * 1024 * 1024,
  /** Of a server: beyond either, the one goes that has been silent for longest; http/server.ts. */
  connections: { all: 4_096, silent: 512, silentMs: 5_000 },
  /** How long a request's head may take, and all of it; and a connection on which nothing moves. */
  headMs: 10_000,
  requestMs: 60_000,
  stillMs: 90_000,
  /** The token endpoint's body: it is read before the caller is known. */
  tokenRequestBytes: 8 * 1024,
  partitionsAheadDays: 7,
  /** What is in flight has this long to finish, and the process this long to end. */
  shutdownMs: 8_500,
  exitMs: 9_800,
} as const

/**
 * Reads the configuration. Throws one Error that lists every bad and every unknown key, and never a
 * value of a secret.
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const problems: string[] = []
  const given: Record<string, unknown> = {}
  for (const key of Object.keys(Environment.properties)) {
    const value = readValue(environment, key, problems)
    if (value !== undefined && value !== '') given[key] = value
  }
  for (const key of Object.keys(environment)) {
    const name = key.replace(/_FILE$/, '')
    if (key.startsWith('MILLRACE_') && !(name in Environment.properties)) {
      problems.push(`${key} is not a setting of millrace${didYouMean(name)}`)
    }
  }
  const config = Value.Convert(Environment, Value.Default(Environment, given)) as Config
  for (const error of Value.Errors(Environment, config)) {
    problems.push(`${error.instancePath.slice(1)} ${error.message}`)
  }
  for (const key of ['MILLRACE_JWKS_URL', 'MILLRACE_URL', 'MILLRACE_SENDGRID_URL'] as const) {
    const reason = config[key] && faultOfUrl(config[key])
    if (reason) problems.push(`${key} ${reason}`)
  }
  if (problems.length > 0) {
    throw new Error(
      `The configuration has ${problems.length} fault(s):\n  ${problems.join('\n  ')}`,
    )
  }
  return { ...config, MILLRACE_DATA_DIR: path.resolve(config.MILLRACE_DATA_DIR) }
}

function readValue(environment: NodeJS.ProcessEnv, key: string, problems: string[]) {
  const file = environment[`${key}_FILE`]
  if (!file) return environment[key]
  if (environment[key]) problems.push(`${key} and ${key}_FILE are both set: set one`)
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    problems.push(`${key}_FILE cannot be read: ${(error as NodeJS.ErrnoException).code}`)
    return undefined
  }
}

function didYouMean(name: string): string {
  const words = new Set(name.split('_'))
  const shared = (key: string) => key.split('_').filter((word) => words.has(word)).length
  const [closest] = Object.keys(Environment.properties).sort((a, b) => shared(b) - shared(a))
  return closest && shared(closest) > 1 ? `; did you mean ${closest}?` : ''
}
