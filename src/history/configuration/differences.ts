// The differences between two documents, by JSON pointer. Both come twice: as they are stored, and
// as they may be shown. A secret that was replaced is a difference, although both sides show ***.
// One that was only sealed again is not.

import { isDeepStrictEqual } from 'node:util'
import { isObject } from '../../input/json.ts'
import { pointerStep } from '../../input/json-pointer.ts'
import { canOpen, type SecretBox } from '../../sealing/secret.ts'

/** A value with its secrets sealed, and with *** in their place. */
type TwoForms = { stored: unknown; shown: unknown }

/** `before` is missing if it was added, `after` if it was removed. */
type FieldDifference = { path: string; before?: unknown; after?: unknown }

/** The differences, in the order of the fields of both. The order of keys does not count. */
export function differencesOf(
  before: TwoForms,
  after: TwoForms,
  secretsOf: { tenant: string; secrets: SecretBox },
): FieldDifference[] {
  const differences: FieldDifference[] = []
  visit('', fieldsOf(before), fieldsOf(after))
  return differences

  function visit(path: string, old: TwoForms, now: TwoForms): void {
    if (isObject(old.shown) && isObject(now.shown)) {
      for (const key of new Set([...Object.keys(old.shown), ...Object.keys(now.shown)])) {
        visit(`${path}/${pointerStep(key)}`, fieldOf(old, key), fieldOf(now, key))
      }
    } else if (!isDeepStrictEqual(old.shown, now.shown) || !isSame(old.stored, now.stored)) {
      differences.push({
        path,
        ...(old.shown === undefined ? {} : { before: old.shown }),
        ...(now.shown === undefined ? {} : { after: now.shown }),
      })
    }
  }

  function isSame(old: unknown, now: unknown): boolean {
    if (isDeepStrictEqual(old, now)) return true
    const { tenant, secrets } = secretsOf
    const isOpen = (value: unknown) => typeof value === 'string' && canOpen(secrets, tenant, value)
    if (!isOpen(old) || !isOpen(now)) return false
    return secrets.open(tenant, old as string) === secrets.open(tenant, now as string)
  }
}

function fieldOf({ stored, shown }: TwoForms, key: string): TwoForms {
  return {
    stored: isObject(stored) && Object.hasOwn(stored, key) ? stored[key] : undefined,
    shown: isObject(shown) && Object.hasOwn(shown, key) ? shown[key] : undefined,
  }
}

/** No document has no fields, so that all fields of the other one are differences. */
function fieldsOf({ stored, shown }: TwoForms): TwoForms {
  return { stored: stored ?? {}, shown: shown ?? {} }
}
