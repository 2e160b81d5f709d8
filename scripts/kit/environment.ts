// The environment without settings that would change what is run.

/** Settings of the service (src/config.ts), and those that every client of Postgres reads. */
const SETTING = /^(MILLRACE_.*|PG[A-Z]+|(HOST|PORT|DATABASE_URL)(_FILE)?)$/

/** An environment without settings: a developer's own must not affect a test. */
export function withoutSettings(environment = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([key]) => !SETTING.test(key)))
}
