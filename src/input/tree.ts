// Trees of fields, each with a path such as `delivery.timeout_ms`.

import { isObject } from './json.ts'

export type Tree = Record<string, unknown>

/** The value at a path; undefined if it is missing. */
export function valueAt(tree: Tree, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((node, key) => (isObject(node) ? (node as Tree)[key] : undefined), tree)
}

/** The tree without a path. Objects that it leaves empty stay. */
export function withoutPath<T extends Tree>(tree: T, path: string): T {
  const [key = '', ...rest] = path.split('.')
  const { [key]: value, ...others } = tree
  if (rest.length === 0) return others as T
  return isObject(value) ? { ...tree, [key]: withoutPath(value, rest.join('.')) } : tree
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
