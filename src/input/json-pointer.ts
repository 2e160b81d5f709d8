// JSON pointers (RFC 6901).

/** A key, or the number of an item, as a step of a pointer. */
export const pointerStep = (key: string | number) =>
  String(key).replaceAll('~', '~0').replaceAll('/', '~1')
