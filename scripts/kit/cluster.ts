// Whole Postgres servers for tests: a copy of an embedded one, taken while it runs, and a server of
// an installation that has pg_dump.

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { until } from './until.ts'

/** Where Debian and its kin install servers, a directory for each major version. */
const DEBIAN = '/usr/lib/postgresql'

/**
 * Copies the embedded cluster of `dataDir` to `target` while it runs (PostgreSQL manual, "Making a
 * Base Backup Using the Low Level API"): it needs only SQL and the files.
 */
export async function copyCluster(url: string, dataDir: string, target: string): Promise<void> {
  const cluster = path.join(dataDir, 'postgres')
  const copy = path.join(target, 'postgres')
  fs.mkdirSync(target, { recursive: true, mode: 0o700 })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const started = await client.query(
      "select pg_walfile_name(pg_backup_start('copy', fast => true)) as first",
    )
    await copyTree(cluster, copy, (name) => name !== 'pg_wal' && name !== 'postmaster.pid')
    const { rows } = await client.query('select labelfile, spcmapfile from pg_backup_stop(false)')
    fs.writeFileSync(path.join(copy, 'backup_label'), rows[0].labelfile)
    // All WAL since the start of the copy: wal_keep_size has kept it until now.
    const isWanted = (name: string) => name >= started.rows[0].first || name.endsWith('.history')
    await copyTree(path.join(cluster, 'pg_wal'), path.join(copy, 'pg_wal'), isWanted)
  } finally {
    await client.end()
  }
}

/** Files may come and go during the copy: the WAL has their contents. */
async function copyTree(
  from: string,
  to: string,
  isWanted: (name: string) => boolean,
): Promise<void> {
  fs.mkdirSync(to, { recursive: true, mode: 0o700 })
  const entries = fs.readdirSync(from, { withFileTypes: true })
  const copies = entries.map(async (entry) => {
    if (!isWanted(entry.name)) return
    const [source, copied] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) return copyTree(source, copied, () => true)
    await fs.promises.copyFile(source, copied).catch((error) => {
      if (error.code !== 'ENOENT') throw error
    })
  })
  await Promise.all(copies)
}

/** Makes a copied cluster a standby of the server at `url`; once started, it follows. */
export function makeStandby(target: string, url: string): void {
  const host = new URL(url.replace(/^postgres:\/\/postgres@\//, 'postgres://x/')).searchParams
  const cluster = path.join(target, 'postgres')
  fs.writeFileSync(path.join(cluster, 'standby.signal'), '')
  fs.appendFileSync(
    path.join(cluster, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${host.get('host')} port=5432 user=postgres'\n`,
  )
}

/**
 * The programs of a server of this major version: Debian's, which has a JIT compiler, or those that
 * CI installs with npm (.ci/postgres). Undefined if there are none.
 */
export function findServer(major: number): string | undefined {
  const directories = [
    path.join(DEBIAN, String(major), 'bin'),
    path.resolve(`.ci/postgres/node_modules/postgres-${major}/native/bin`),
  ]
  return directories.find(
    (directory) =>
      ['initdb', 'postgres'].every((name) => fs.existsSync(path.join(directory, name))) &&
      majorOf(directory) === major,
  )
}

/** Whether the server of this directory compiles expensive statements ("jit" is on by default). */
export const hasJit = (bin: string) => fs.existsSync(path.join(bin, '../lib/llvmjit.so'))

/** The directory of an installation that has a server of 15 or newer and its own pg_dump. */
export function findInstallation(): string | undefined {
  const versions = fs.existsSync(DEBIAN) ? fs.readdirSync(DEBIAN).sort() : []
  const directories = [
    ...versions.map((version) => path.join(DEBIAN, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(path.delimiter),
  ]
  return directories.find(
    (directory) =>
      ['initdb', 'postgres', 'pg_dump', 'pg_restore'].every((name) =>
        fs.existsSync(path.join(directory, name)),
      ) && majorOf(directory) >= 15,
  )
}

function majorOf(directory: string): number {
  const { stdout } = spawnSync(path.join(directory, 'postgres'), ['--version'])
  return Number(/(\d+)/.exec(String(stdout))?.[1] ?? 0)
}

/** Starts a fresh server of an installation in `directory`; `options` of the command line. */
export async function startInstalled(
  bin: string,
  directory: string,
  options = ['--max_connections=200'],
) {
  const data = path.join(directory, 'postgres')
  // Postgres refuses to run as root; in its own user namespace it is not root.
  const asRoot = process.getuid?.() === 0
  const prefix = asRoot ? ['unshare', '--user', '--map-user=65534', '--map-group=65534'] : []
  const command = (name: string, ...args: string[]) =>
    [...prefix, path.join(bin, name), ...args] as [string, ...string[]]
  const [initdb, ...initArgs] = command('initdb', '-D', data, '-U', 'postgres', '-A', 'trust')
  const made = spawnSync(initdb, [...initArgs, '--encoding=UTF8', '--locale=C.UTF-8'])
  if (made.status !== 0) throw new Error(String(made.stderr))
  const settings = ['--listen_addresses=', '-k', directory, ...options]
  const [postgres, ...args] = command('postgres', '-D', data, ...settings)
  const child = spawn(postgres, args, { stdio: 'ignore' })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const url = `postgres://postgres@/postgres?host=${encodeURIComponent(directory)}`
  await until('the server answers', async () => {
    const client = new pg.Client({ connectionString: url })
    return client
      .connect()
      .then(() => client.end().then(() => true))
      .catch(() => false)
  })
  return {
    url,
    /** Runs one of the installation's programs on this server; throws with its output. */
    run(name: string, args: string[]): Promise<void> {
      return new Promise((resolve, reject) => {
        const program = spawn(path.join(bin, name), ['-h', directory, '-U', 'postgres', ...args])
        let said = ''
        program.stderr.on('data', (chunk) => {
          said += chunk
        })
        program.once('exit', (status) => (status === 0 ? resolve() : reject(new Error(said))))
      })
    },
    async stop() {
      child.kill('SIGINT')
      await exited
    },
  }
}

/** A directory whose path is short enough for a unix socket. */
export const temporary = () => fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
