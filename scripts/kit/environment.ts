// The environment of whoever runs this, without what would change what is run.

/** Settings of the service (src/config.ts), and those that every client of Postgres reads. */
const SETTING = /^(MILLRACE_.*|PG[A-Z]+|(HOST|PORT|DATABASE_URL)(_FILE)?)$/

/** An environment without settings: a developer's own must not decide what a test shows. */
export function withoutSettings(environment = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([key]) => !SETTING.test(key)))
}
