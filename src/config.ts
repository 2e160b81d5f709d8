// The only reader of the environment: reads it once and reports every problem at once. Each key has
// its default and bounds. A value may come from a file: NAME_FILE holds the path (docker's
// secrets).

import path from 'node:path'
import { type Static, Type } from 'typebox'
import { MAIL_ADDRESS, POSTGRES_URL, SAMPLER, VISIBLE_ASCII } from './input/pattern.ts'
import { TENANT_PATTERN } from './input/tenant.ts'
import { faultOfUrl } from './input/url.ts'
import { readSetting, type SettingSchema, textOfSetting } from './setting.ts'
import { problemsOfOpenId, tokenSettings } from './token-settings.ts'

const flag = (value: boolean) => Type.Boolean({ default: value })
const whole = (value: number, minimum: number, maximum: number) =>
  Type.Integer({ default: value, minimum, maximum })

const Environment = Type.Object({
  HOST: Type.String({ default: '127.0.0.1', minLength: 1 }),
  PORT: whole(8080, 0, 65_535),
  /** Your own PostgreSQL, 15 or newer; without it an embedded one runs in MILLRACE_DATA_DIR. */
  DATABASE_URL: Type.Optional(Type.String({ pattern: POSTGRES_URL })),
  MILLRACE_DATA_DIR: Type.String({ default: '.millrace', minLength: 1 }),
  ...tokenSettings,
  /** 32 bytes in hex or base64 that encrypt the secrets of integrations. Generated likewise. */
  MILLRACE_SECRET_KEY: Type.Optional(Type.String({ minLength: 32 })),
  /** The old key, during a change: it opens secrets that the new one does not. */
  MILLRACE_SECRET_KEY_PREVIOUS: Type.Optional(Type.String({ minLength: 32 })),
  /** For the commands that call a service: its URL, a token, and the tenant (cli/access.ts). */
  MILLRACE_URL: Type.Optional(Type.String()),
  MILLRACE_TOKEN: Type.Optional(Type.String({ pattern: VISIBLE_ASCII })),
  MILLRACE_TENANT: Type.Optional(Type.String({ pattern: TENANT_PATTERN })),
  /** The user's directory for configuration, which holds the profile of `millrace login`. */
  XDG_CONFIG_HOME: Type.Optional(Type.String()),
  /** Lets callback URLs, S3 endpoints and queues resolve to loopback and private addresses. */
  MILLRACE_ALLOW_PRIVATE_TARGETS: flag(false),
  MILLRACE_MAX_EVENT_BYTES: whole(1_048_576, 1, 16_777_216),
  /** Events a second that each tenant may publish, on each process; 0: no limit. */
  MILLRACE_PUBLISH_RATE: whole(0, 0, 1_000_000),
  /** Changes a minute of a tenant's configuration, on each process; 0: no limit. */
  MILLRACE_CHANGES_PER_MINUTE: whole(120, 0, 100_000),
  /** The pause before the first retry; each of the ten doubles it. */
  MILLRACE_RETRY_BASE_MS: whole(1_200, 1, 60_000),
  MILLRACE_DELIVERY_TIMEOUT_MS: whole(30_000, 10, 300_000),
  /** Integrations that one worker advances at once; a waiting one costs next to nothing. */
  MILLRACE_WORKER_CONCURRENCY: whole(1_000, 1, 5_000),
  /**
   * How long a frozen worker keeps its integrations from the others. (is_held knows the maximum.)
   */
  MILLRACE_LEASE_MS: whole(10_000, 500, 300_000),
  /** How long events are kept, in days. */
  MILLRACE_RETENTION_DAYS: Type.Number({ default: 30, exclusiveMinimum: 0, maximum: 3_650 }),
  /** Events a second that all replays of a worker together send: live events must not wait. */
  MILLRACE_REPLAY_RATE: whole(2_500, 1, 1_000_000),
  /** The time from a file's first event to its end, and the largest size of its lines. */
  MILLRACE_S3_WINDOW_MS: whole(300_000, 10, 86_400_000),
  MILLRACE_S3_MAX_BYTES: whole(52_428_800, 1, 5_368_709_120),
  /** Lends the credentials of this machine to S3 integrations without keys. */
  MILLRACE_S3_DEFAULT_CREDENTIALS: flag(false),
  /** The same for subscriptions without keys. */
  MILLRACE_QUEUE_DEFAULT_CREDENTIALS: flag(false),
  /** The SendGrid key for tenants without their own sender. */
  MILLRACE_SENDGRID_API_KEY: Type.Optional(Type.String({ pattern: VISIBLE_ASCII })),
  MILLRACE_SENDGRID_URL: Type.String({ default: 'https://api.sendgrid.com' }),
  /** The sender's address and name for these mails. */
  MILLRACE_SENDGRID_FROM: Type.Optional(Type.String({ pattern: MAIL_ADDRESS })),
  MILLRACE_SENDGRID_FROM_NAME: Type.Optional(Type.String({ maxLength: 255 })),
  /**
   * The address of health and metrics without a token. Without a port `work` takes 8081, or a free
   * one if that is taken; `serve` and `start` have no such address then.
   */
  MILLRACE_MONITOR_HOST: Type.String({ default: '127.0.0.1', minLength: 1 }),
  MILLRACE_MONITOR_PORT: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
  MILLRACE_SWEEP_MS: whole(2_000, 50, 60_000),
  /** Logs a line for each request, and for one of 100 publishes. */
  MILLRACE_ACCESS_LOG: flag(false),
  /** auto: pretty on a terminal, else json. */
  MILLRACE_LOG_FORMAT: Type.Enum(['auto', 'json', 'pretty'], { default: 'auto' }),
  /** Spans: opentelemetry.ts. Its SDK reads more of the environment once it is loaded. */
  OTEL_SDK_DISABLED: flag(false),
  OTEL_TRACES_EXPORTER: Type.Optional(Type.Enum(['otlp', 'none'])),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String()),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Type.Optional(Type.String()),
  OTEL_TRACES_SAMPLER: Type.String({ default: 'parentbased_always_on', pattern: SAMPLER }),
  OTEL_TRACES_SAMPLER_ARG: Type.Number({ default: 1, minimum: 0, maximum: 1 }),
  MILLRACE_LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent'], {
    default: 'info',
  }),
})

export type Config = Static<typeof Environment>

const URLS = [
  ...(['MILLRACE_JWKS_URL', 'MILLRACE_OIDC_ISSUER'] as const),
  ...(['MILLRACE_URL', 'MILLRACE_SENDGRID_URL'] as const),
]

/** Bounds that no operator needs to change. */
export const limits = {
  /**
   * The limits of one append statement, and of the queue for it; beyond them a publisher gets 503.
   */
  batchEvents: 500,
  batchBytes: 2 * 1024 * 1024,
  /** While others wait, a larger event has its own batch. */
  apartBytes: 128 * 1024,
  /** The most events of a bulk body in one batch while others publish. */
  bulkEventsBesideOthers: 100,
  queueEvents: 10_000,
  queueBytes: 64 * 1024 * 1024,
  /**
   * How far the database's clock may be ahead of the publishing process's. Beyond it nothing is
   * stored, since a position cannot be taken back. Synchronized clocks differ by far less.
   */
  clockAheadMs: 60_000,
  /**
   * The most levels of JSON in any body. Orders have about ten. Postgres refuses a statement that
   * exceeds its stack, at about 22,000 levels.
   */
  jsonDepth: 256,
  /**
   * A line of a bulk body without its payload; the bulk bodies under way at once, and how long one
   * may go without a line or an answer that leaves.
   */
  envelopeBytes: 64 * 1024,
  bulkBodies: 32,
  bulkStillMs: 60_000,
  /** While more bytes of answers wait for a client to read them, no line of its body is stored. */
  bulkAnswersBytes: 1024 * 1024,
  /** Headers and identifiers of an event. */
  textLength: 255,
  integrationsPerTenant: 10,
  /** Active subscriptions, and all of them, since their list has no pages. */
  subscriptionsPerTenant: 100,
  storedSubscriptions: 1_000,
  /** Jobs that are not deleted, and active keys. */
  jobsPerTenant: 100,
  keysPerTenant: 1_000,
  /**
   * Generations of keys made by keys: each publish is checked against the rate of every ancestor.
   */
  keyGenerations: 8,
  /** The largest rate of a key, in events a second, as for MILLRACE_PUBLISH_RATE. */
  mostRate: 1_000_000,
  rejectedEvents: 30,
  /** Tests, skips, resends and retries of a tenant under way at once, on each process. */
  actionsAtOnce: 4,
  logEntries: 50,
  /** Rows in one page of a list. */
  pageLength: 1_000,
  /** Events of one page of a search by default, and the bytes of its payloads. */
  searchLength: 100,
  searchBytes: 4 * 1024 * 1024,
  /**
   * Searches at once, with one statement each; the bytes of all their pages until they are sent;
   * and the calls that wait for an event.
   */
  searches: 4,
  searchesBytes: 64 * 1024 * 1024,
  /** Questions at once about deliveries, and about changes: some 50 ms of the database each. */
  deliveryReads: 4,
  waitingSearches: 1_000,
  waitingSearchesPerTenant: 100,
  /**
   * Events that one statement reads for their names, and statements per request: for the list, and
   * for warnings of a filter.
   */
  eventTypeStep: 50_000,
  eventTypeSteps: 20,
  eventTypeStepsOfWarning: 4,
  /** Names kept for a tenant: those published last. */
  storedEventTypes: 10_000,
  /**
   * Event types that a tenant may register, and the bytes of all their documents. And the bytes of
   * documents that a publishing process keeps; compiled they take 18 to 38 times as much.
   */
  registeredTypes: 500,
  registeredBytes: 1024 * 1024,
  cachedTypesBytes: 4 * 1024 * 1024,
  mostWarnings: 20,
  /**
   * How many warnings suggest similar names, and how many names are compared before and after each.
   */
  warningsWithNearest: 5,
  neighbours: 100,
  /** Files in one answer. */
  filesListed: 100,
  mostFilesListed: 1_000,
  retries: 10,
  replaysPerWorker: 4,
  /** Replays of one integration that are running or queued, and those in one page. */
  replaysUnderWay: 10,
  replaysListed: 100,
  /** How long events of a replay are counted; the rest is estimated. */
  replayCountMs: 1_000,
  notificationsPerWorker: 4,
  /** Files that one worker writes at once: each takes about 15 MiB. */
  filesPerWorker: 4,
  /** Additional files after a failed try, so that a silent store cannot hold up the others. */
  failedFilesPerWorker: 2,
  /** Runs of a notification job in one page, and the rejected customers shown for each. */
  runsListed: 50,
  runFailuresShown: 20,
  unreadableShown: 20,
  /** SendGrid's limits for one request: 1,000 recipients, and less than 30 MB. */
  mailsPerRequest: 1_000,
  mailRequestBytes: 20 * 1024 * 1024,
  /** How much of a target's response is read, and how much of that logs keep. */
  responseBytes: 64 * 1024,
  storedResponse: 512,
  /** Events read from the log and not yet settled, per integration. */
  windowEvents: 500,
  windowBytes: 4 * 1024 * 1024,
  /** The most that one statement reads of the log; it is held until the window has room. */
  pageEvents: 500,
  pageBytes: 4 * 1024 * 1024,
  /** The pages of all runs of a worker together; the smallest page size may exceed it. */
  pagesBytes: 128 * 1024 * 1024,
  smallestPageBytes: 128 * 1024,
  maxInFlight: 16,
  mostInFlight: 100,
  /** A document of configuration. Each change stores it whole in the config log, for ever. */
  configurationBytes: 64 * 1024,
  /** Bodies under way over all connections, and a separate budget for small ones; http/body.ts. */
  bodiesBytes: 64 * 1024 * 1024,
  smallBodiesBytes: 32 * 1024 * 1024,
  /**
   * Connections of a server: beyond either limit the longest silent one is closed; http/server.ts.
   */
  connections: { all: 4_096, silent: 512, silentMs: 5_000 },
  /** Streams of server-sent events of a process, and of a tenant on it. */
  streams: 2_000,
  streamsPerTenant: 1_000,
  /** The time for a request's head, and for all of it; and for a connection without progress. */
  headMs: 10_000,
  requestMs: 60_000,
  stillMs: 90_000,
  /** The token endpoint's body: it is read before the caller is known. */
  tokenRequestBytes: 8 * 1024,
  partitionsAheadDays: 7,
  /** The time for deliveries in flight to finish, and for the process to end. */
  shutdownMs: 8_500,
  exitMs: 9_800,
} as const

/** Reads the configuration. Throws one Error that lists everything that is wrong with it. */
export function readConfig(environment?: NodeJS.ProcessEnv): Config {
  const { config, problems } = examineConfig(environment)
  if (problems.length === 0) return config
  throw new Error(`The configuration has ${problems.length} fault(s):\n  ${problems.join('\n  ')}`)
}

/**
 * The configuration without its bad settings, and what is wrong: every bad and every unknown key,
 * and never the value of a secret.
 */
export function examineConfig(environment: NodeJS.ProcessEnv = process.env): {
  config: Config
  problems: string[]
} {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [key, schema] of Object.entries<SettingSchema>(Environment.properties)) {
    const text = textOfSetting(environment, key, problems)
    const read = text ? readSetting(text, schema) : { value: schema.default }
    if ('fault' in read) problems.push(`${key} ${read.fault}`)
    else if (read.value !== undefined) values[key] = read.value
  }
  for (const key of Object.keys(environment)) {
    const name = key.replace(/_FILE$/, '')
    if (key.startsWith('MILLRACE_') && !(name in Environment.properties)) {
      problems.push(`${key} is not a setting of millrace${didYouMean(name)}`)
    }
  }
  const config = values as Config
  for (const key of URLS) {
    const reason = config[key] && faultOfUrl(config[key])
    if (reason) problems.push(`${key} ${reason}`)
  }
  problems.push(...problemsOfOpenId(config))
  const directory = path.resolve(config.MILLRACE_DATA_DIR ?? '.millrace')
  return { config: { ...config, MILLRACE_DATA_DIR: directory }, problems }
}

/** A variable that the user of a command has named; undefined if it is not set. */
export function readVariable(name: string): string | undefined {
  return process.env[name]
}

function didYouMean(name: string): string {
  const words = new Set(name.split('_'))
  const shared = (key: string) => key.split('_').filter((word) => words.has(word)).length
  const [closest] = Object.keys(Environment.properties).sort((a, b) => shared(b) - shared(a))
  return closest && shared(closest) > 1 ? `; did you mean ${closest}?` : ''
}
