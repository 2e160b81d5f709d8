// The differences between two JSON values, by the path of each part.

/**
 * @param {unknown} before
 * @param {unknown} after
 * @returns {{ path: string, before: string, after: string }[]}
 */
export function differencesOf(before, after) {
  const [old, next] = [flat(before), flat(after)]
  const paths = [...new Set([...old.keys(), ...next.keys()])]
  return paths.flatMap((path) => {
    const [a, b] = [old.get(path) ?? '–', next.get(path) ?? '–']
    return a === b ? [] : [{ path, before: a, after: b }]
  })
}

/**
 * The parts that are no objects, as text.
 * @param {unknown} value
 * @param {string} path
 * @param {Map<string, string>} found
 */
function flat(value, path = '', found = new Map()) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return found.set(path, typeof value === 'string' ? value : JSON.stringify(value))
  }
  for (const [name, inner] of Object.entries(value)) {
    flat(inner, path === '' ? name : `${path}.${name}`, found)
  }
  return found
}
