// The configuration of a tenant as a file that apply takes. A secret becomes a reference to a
// variable, or a comment if the service does not show whether there is one.

import { Document, isMap } from 'yaml'
import { isObject } from '../../input/json.ts'
import { type Tree, valueAt, withoutPath, withPath } from '../../input/tree.ts'
import type { ServiceClient } from '../client.ts'
import { kinds } from './file.ts'
import type { EntryKind } from './kind.ts'
import { escapeReference } from './reference.ts'

const HEAD = [
  ' Anything that this file does not name stays as it is. Secrets stay, too, until apply --rotate.',
  ' See docs/apply.md.',
].join('\n')

/** The entries of a tenant by section. */
export async function exportTenant(
  client: ServiceClient,
  tenant: string | undefined,
): Promise<Tree> {
  const file: Tree = tenant ? { tenant } : {}
  for (const kind of kinds) {
    file[kind.section] = (await kind.list(client)).map((tree) => entryOf(kind, tree))
  }
  return file
}

/** The file as YAML, with comments. */
export function yamlOf(file: Tree): string {
  const document = new Document(file, { aliasDuplicateObjects: false })
  document.commentBefore = HEAD
  for (const kind of kinds) {
    for (const [index, tree] of ((file[kind.section] ?? []) as Tree[]).entries()) {
      for (const { field, shows, target } of kind.secrets) {
        if (shows !== 'nothing' || target === undefined || !tree[target]) continue
        const node = document.getIn([kind.section, index, target])
        const name = field.slice(target.length + 1)
        const line = ` ${name}: ${referenceTo(kind, tree, name)} # if there is one: it is not shown`
        if (isMap(node)) node.comment = node.comment ? `${node.comment}\n${line}` : line
      }
    }
  }
  return document.toString({ lineWidth: 100 })
}

function entryOf(kind: EntryKind, tree: Tree): Tree {
  const shown = kind.unwritten.reduce(
    (rest, [field, value]) =>
      value === undefined || valueAt(rest, field) === value ? withoutPath(rest, field) : rest,
    escaped(kind, tree),
  )
  return kind.secrets.reduce((entry, { field }) => {
    const current = valueAt(shown, field)
    if (current === undefined) return entry
    if (current === true) {
      const name = field.slice(field.lastIndexOf('.') + 1)
      return withPath(entry, field, referenceTo(kind, tree, name))
    }
    const names = current as string[]
    const headers = names.map((name) => [name, referenceTo(kind, tree, `HEADER_${name}`)])
    return withPath(entry, field, Object.fromEntries(headers))
  }, shown)
}

/** Texts of the service that look like references. Schemas are taken as they are. */
function escaped({ section }: EntryKind, tree: Tree): Tree {
  if (section === 'event_types') return tree
  const escapeAll = (value: unknown): unknown => {
    if (typeof value === 'string') return escapeReference(value)
    if (Array.isArray(value)) return value.map(escapeAll)
    if (!isObject(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, escapeAll(one)]))
  }
  return escapeAll(tree) as Tree
}

/** `${env:ERP_1_API_KEY}`. No variable may begin with MILLRACE_: those are settings. */
function referenceTo({ idField }: EntryKind, tree: Tree, secret: string): string {
  const words = `${tree[idField]}_${secret}`.replaceAll(/([a-z])([A-Z])/g, '$1_$2')
  const name = words.replaceAll(/\W/g, '_').toUpperCase()
  return `\${env:${/^(\d|MILLRACE_)/.test(name) ? `_${name}` : name}}`
}
