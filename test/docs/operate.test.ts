// What operate.md says of settings and of Kubernetes: every setting is there with its default, and
// the manifests name settings, commands, ports and secrets that exist.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { blocksOf } from './blocks.ts'
import { root } from './session.ts'

const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
const page = read('docs/operate.md')
const settings = [...read('src/config.ts').matchAll(/^ {2}([A-Z][A-Z0-9_]+): /gm)].map(
  ([, name]) => name as string,
)

describe('the settings', () => {
  const rows = page.split('\n').filter((line) => /^\| `[A-Z]/.test(line))
  const rowOf = (name: string) => rows.find((row) => row.split(' | ')[0]?.includes(`\`${name}\``))

  it('are all there', () => {
    expect(settings.length).toBeGreaterThan(25)
    expect(settings.filter((name) => !rowOf(name))).toEqual([])
  })
  it('have the defaults of the program', () => {
    // The data directory is made absolute.
    const { MILLRACE_DATA_DIR: _, ...defaults } = readConfig({})
    const wrong = Object.entries(defaults).filter(
      ([name, value]) => !rowOf(name)?.split(' | ')[1]?.includes(`\`${value}\``),
    )
    expect(wrong).toEqual([])
  })
  it('are settings, on every page', () => {
    const pages = ['README.md', 'SECURITY.md', 'CHANGELOG.md']
    const named = [page, ...pages.map(read)].flatMap((text) => text.match(/MILLRACE_[A-Z0-9_]+/g))
    const unknown = named.filter(
      (name) => name && !name.endsWith('_') && !settings.includes(name.replace(/_FILE$/, '')),
    )
    expect(unknown).toEqual([])
  })
})

type Container = {
  image: string
  command: string[]
  env: { name: string; value: string }[]
  ports?: { containerPort: number }[]
  readinessProbe?: { httpGet: { path: string; port: number } }
  volumeMounts: { name: string; mountPath: string }[]
}
type Pod = { containers: Container[]; volumes: { name: string }[] }
type Manifest = { kind: string; spec: { template?: { spec: Pod } } }

describe('the manifests for Kubernetes', () => {
  const block = blocksOf(page).find(({ language }) => language === 'yaml')
  const documents = parseAllDocuments(block?.text ?? '')
  const manifests = documents.map((document) => document.toJS() as Manifest)
  const pods = manifests.flatMap(({ spec }) => (spec.template ? [spec.template.spec] : []))
  const containers = pods.flatMap((pod) => pod.containers)

  it('are YAML', () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([])
    expect(manifests.map(({ kind }) => kind)).toEqual([
      'Job',
      'Deployment',
      'Deployment',
      'Service',
    ])
  })
  it('name settings of the program, its commands, and its version', () => {
    const names = containers.flatMap(({ env }) => env.map(({ name }) => name.replace(/_FILE$/, '')))
    expect(names.filter((name) => !settings.includes(name))).toEqual([])
    const commands = containers.map(({ command }) => command.join(' '))
    expect(commands).toEqual(['migrate', 'serve', 'work'].map((name) => `node src/main.js ${name}`))
    const { version } = JSON.parse(read('package.json'))
    expect(new Set(containers.map(({ image }) => image.split(':').at(-1)))).toEqual(
      new Set([version]),
    )
  })
  it('take secrets from where they are mounted', () => {
    for (const pod of pods) {
      const volumes = pod.volumes.map(({ name }) => name)
      for (const { env, volumeMounts } of pod.containers) {
        expect(volumeMounts.map(({ name }) => name)).toEqual(volumes)
        const files = env.filter(({ name }) => name.endsWith('_FILE'))
        const folders = volumeMounts.map(({ mountPath }) => mountPath)
        expect(files.every(({ value }) => folders.includes(path.posix.dirname(value)))).toBe(true)
      }
    }
  })
  it('probe what listens', () => {
    const probed = containers.flatMap(({ readinessProbe }) => readinessProbe?.httpGet ?? [])
    expect(probed.map(({ path: where, port }) => `${where} ${port}`)).toEqual([
      `/readyz ${readConfig({}).PORT}`,
      '/readyz 8081',
    ])
  })
})
