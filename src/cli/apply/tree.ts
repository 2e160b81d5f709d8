// Trees of fields, each with a path such as `delivery.timeout_ms`.

import { isObject } from '../../input/json.ts'
import type { Tree } from './kind.ts'

/** The value at a path; undefined if it is missing. */
export function valueAt(tree: Tree, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((node, key) => (isObject(node) ? (node as Tree)[key] : undefined), tree)
}

/** The tree without a path. Objects that it leaves empty stay. */
export function withoutPath(tree: Tree, path: string): Tree {
  const [key = '', ...rest] = path.split('.')
  const { [key]: value, ...others } = tree
  if (rest.length === 0 || !isObject(value)) return rest.length === 0 ? others : tree
  return { ...others, [key]: withoutPath(value as Tree, rest.join('.')) }
}

/** The tree with a value at a path. */
export function withPath(tree: Tree, path: string, value: unknown): Tree {
  const [key = '', ...rest] = path.split('.')
  if (rest.length === 0) return { ...tree, [key]: value }
  const inner = isObject(tree[key]) ? (tree[key] as Tree) : {}
  return { ...tree, [key]: withPath(inner, rest.join('.'), value) }
}

/** Each value that is not an object, with its path. The objects at `whole` count as values. */
export function leavesOf(
  tree: Tree,
  whole: string[],
  before = '',
): [path: string, value: unknown][] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = before + key
    const isLeaf = !isObject(value) || whole.includes(path)
    return isLeaf ? [[path, value]] : leavesOf(value as Tree, whole, `${path}.`)
  })
}

/** The fields of `paths` in the tree, and nothing else. */
export function pick(tree: Tree, paths: string[]): Tree {
  return paths.reduce<Tree>((picked, path) => withPath(picked, path, valueAt(tree, path)), {})
}
