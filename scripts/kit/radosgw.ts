// Ceph's S3 gateway as a production store on one machine: a monitor, an OSD in memory and the
// gateway, all on loopback, in one directory that is removed afterwards. Needs Debian's radosgw,
// ceph-mon and ceph-osd.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { until } from './until.ts'

const run = promisify(execFile)
const TRIES = 3

export const keys = { accessKeyId: 'AKIAMILLRACE', secretAccessKey: 'secretsecretsecret' }

/** Whether it can be started here. */
export function hasRadosgw(): boolean {
  const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/usr/bin')
  const programs = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'setpriv']
  return programs.every((name) => folders.some((folder) => existsSync(path.join(folder, name))))
}

type Radosgw = {
  endpoint: string
  /** Moves the bucket to another zonegroup, Ceph's word for a region. */
  moveBucket(bucket: string): Promise<void>
  stop(): Promise<void>
}

/** Starts it on free ports; rejects if it does not come up. */
export async function startRadosgw(): Promise<Radosgw> {
  for (let tries = 1; ; tries++) {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-ceph-'))
    const children: ChildProcess[] = []
    const stop = async () => {
      await Promise.all(children.map(end))
      rmSync(directory, { recursive: true, force: true })
    }
    try {
      const endpoint = await start(directory, children)
      return { endpoint, moveBucket: (bucket) => moveBucket(directory, bucket), stop }
    } catch (error) {
      await stop()
      // A port that was free a moment ago may be taken.
      if (tries === TRIES) throw error
    }
  }
}

async function start(directory: string, children: ChildProcess[]): Promise<string> {
  // Below the range of ephemeral ports.
  const [port, monitorPort] = [randomInt(20_000, 26_000), randomInt(26_000, 32_000)]
  const at = (name: string) => path.join(directory, name)
  for (const name of ['mon', 'osd', 'rgw', 'log', 'run']) mkdirSync(at(name))
  const [cluster, disk] = [randomUUID(), randomUUID()]
  writeFileSync(at('ceph.conf'), configuration({ directory, cluster, port, monitorPort }))
  const tool = (program: string, ...args: string[]) =>
    run(program, ['-c', at('ceph.conf'), ...args], { timeout: 20_000 })
  // They end with this process, however it ends.
  const serve = (program: string, ...args: string[]) => {
    const mortal = ['--pdeathsig', 'KILL', program, '-c', at('ceph.conf'), '-f', ...args]
    children.push(spawn('setpriv', mortal, { stdio: 'ignore' }))
  }

  const capabilities = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *']
  await run('ceph-authtool', ['--create-keyring', at('keyring'), '--gen-key', '-n', 'mon.'])
  for (const name of ['mon.', 'client.admin', 'client.rgw']) {
    await run('ceph-authtool', [at('keyring'), '--gen-key', '-n', name, ...capabilities])
  }
  const address = `[v2:127.0.0.1:${monitorPort}]`
  const map = ['--create', '--addv', 'a', address, '--fsid', cluster, at('monmap')]
  await run('monmaptool', map)
  await tool('ceph-mon', '-i', 'a', '--mkfs', '--monmap', at('monmap'), '--keyring', at('keyring'))
  serve('ceph-mon', '-i', 'a')
  await tool('ceph', '--connect-timeout', '15', 'osd', 'new', disk, '0')
  await tool('ceph', 'osd', 'crush', 'add', '0', '1.0', 'root=default', 'host=h')
  await tool('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', disk)
  serve('ceph-osd', '-i', '0')
  serve('radosgw', '-n', 'client.rgw')
  const endpoint = `http://127.0.0.1:${port}`
  await until('radosgw answers', () => {
    if (children.some(({ exitCode }) => exitCode !== null)) throw new Error('a part of Ceph ended')
    return fetch(endpoint).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  const secrets = [`--access-key=${keys.accessKeyId}`, `--secret=${keys.secretAccessKey}`]
  await tool('radosgw-admin', 'user', 'create', '--uid=test', '--display-name=test', ...secrets)
  return endpoint
}

async function moveBucket(directory: string, bucket: string): Promise<void> {
  const metadata = (...args: string[]) =>
    run('radosgw-admin', ['-c', path.join(directory, 'ceph.conf'), 'metadata', ...args])
  const { stdout: entry } = await metadata('get', `bucket:${bucket}`)
  const instance = `bucket.instance:${bucket}:${JSON.parse(entry).data.bucket.bucket_id}`
  const { stdout: before } = await metadata('get', instance)
  const document = JSON.parse(before)
  document.data.bucket_info.zonegroup = randomUUID()
  const file = path.join(directory, 'moved.json')
  writeFileSync(file, JSON.stringify(document))
  await metadata('put', instance, `--infile=${file}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

function configuration(options: {
  directory: string
  cluster: string
  port: number
  monitorPort: number
}): string {
  const { directory, cluster, port, monitorPort } = options
  return `[global]
fsid = ${cluster}
mon_host = [v2:127.0.0.1:${monitorPort}/0]
ms_bind_ipv6 = false
ms_mon_client_mode = crc secure
public_network = 127.0.0.0/8
public_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
mon_max_pg_per_osd = 1000
paxos_propose_interval = 0.05
mon_data_avail_warn = 1
osd_objectstore = memstore
memstore_device_bytes = 4294967296
mon_data = ${directory}/mon
osd_data = ${directory}/osd
keyring = ${directory}/keyring
log_file = ${directory}/log/$name.log
admin_socket = ${directory}/run/$name.asok
pid_file = ${directory}/run/$name.pid
run_dir = ${directory}/run
mon_warn_on_pool_no_redundancy = false
rgw_frontends = beast endpoint=127.0.0.1:${port}
rgw_data = ${directory}/rgw
rgw_enable_usage_log = false
rgw_run_sync_thread = false
`
}
