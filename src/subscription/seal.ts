// The keys of a subscription's destination: sealed when stored, opened for delivery, and masked in
// answers. An update of the same origin that does not name them keeps them.

import { MASK } from '../destination/mask.ts'
import { faultOfUnnamedSecret, isSameOrigin } from '../destination/same-origin.ts'
import type { Fault } from '../errors.ts'
import type { SecretBox } from '../sealing/secret.ts'
import type { FoundSubscription } from './find.ts'
import {
  type DestinationDocument,
  type NewSubscription,
  parametersOf,
  type Subscription,
  type SubscriptionDocument,
  serviceUrlOf,
} from './subscription.ts'

type Keys = { accessKey?: string; accessSecret?: string }

/** The document of a subscription with its keys in clear, to store. */
export function sealSubscription(
  tenant: string,
  { id: _, active: __, ...subscription }: NewSubscription,
  secrets: SecretBox,
): SubscriptionDocument {
  const { destination, entityType } = subscription
  return {
    destination: mapKeys(destination, (key) => secrets.seal(tenant, key)),
    entityType,
    subscribeChange: subscription.subscribeChange ?? false,
    subscribeCreate: subscription.subscribeCreate ?? false,
    subscribeDelete: subscription.subscribeDelete ?? false,
  }
}

/** The destination with its keys in clear. Throws if another key sealed them. */
export function openDestination(
  tenant: string,
  destination: DestinationDocument,
  secrets: SecretBox,
): DestinationDocument {
  return mapKeys(destination, (key) => secrets.open(tenant, key))
}

/**
 * The document of an update, to store. Keys that it omits or masks stay as stored. None is opened,
 * so a key that nothing opens can be replaced.
 */
export function sealUpdate(
  tenant: string,
  update: NewSubscription,
  stored: SubscriptionDocument,
  secrets: SecretBox,
): SubscriptionDocument {
  const old: Keys = parametersOf(stored.destination)?.parameters ?? {}
  const withStored = <Block extends Keys>(sealed: Block, given: Keys): Block => ({
    ...sealed,
    ...storedKey('accessKey', given, old),
    ...storedKey('accessSecret', given, old),
  })
  const document = sealSubscription(tenant, update, secrets)
  const { type, sqs, sns } = document.destination
  const given = update.destination
  return {
    ...document,
    destination: {
      ...(sqs ? { sqs: withStored(sqs, given.sqs ?? {}) } : {}),
      ...(sns ? { sns: withStored(sns, given.sns ?? {}) } : {}),
      type,
    },
  }
}

function storedKey(name: keyof Keys, { [name]: key }: Keys, { [name]: old }: Keys): Keys {
  if (key !== undefined && key !== MASK) return {}
  // A mask without a stored key stays, to be refused.
  const value = old ?? key
  return value === undefined ? {} : { [name]: value }
}

/** The faults of an update that would send a stored key to another origin. */
export function faultsOfMovedKeys(
  update: Pick<NewSubscription, 'destination'>,
  stored: SubscriptionDocument,
): Fault[] {
  const [old, given] = [parametersOf(stored.destination), parametersOf(update.destination)]
  const [from, to] = [serviceUrlOf(stored.destination), serviceUrlOf(update.destination)]
  if (!old || !given || isSameOrigin(from, to)) return []
  const names = ['accessKey', 'accessSecret'] as const
  const moved = names.filter((name) => {
    const key = given.parameters[name]
    return old.parameters[name] !== undefined && (key === undefined || key === MASK)
  })
  return moved.map((name) => faultOfUnnamedSecret(`destination.${given.field}.${name}`, ''))
}

/** The parts of a subscription for its presentation. */
export type ShownSubscription = Pick<FoundSubscription, 'id' | 'desired' | 'document'>

/** A subscription in answers. */
export function presentSubscription({ id, desired, document }: ShownSubscription): Subscription {
  const { destination, entityType, subscribeChange, subscribeCreate, subscribeDelete } = document
  return {
    active: desired === 'running',
    destination: mapKeys(destination, () => MASK),
    entityType,
    id,
    subscribeChange,
    subscribeCreate,
    subscribeDelete,
  }
}

/** A destination, with `map` applied to each of its keys. */
export function mapKeys(
  { type, sqs, sns }: DestinationDocument,
  map: (key: string) => string,
): DestinationDocument {
  const mapped = <Block extends Keys>(block: Block): Block => ({
    ...block,
    ...(block.accessKey === undefined ? {} : { accessKey: map(block.accessKey) }),
    ...(block.accessSecret === undefined ? {} : { accessSecret: map(block.accessSecret) }),
  })
  return { ...(sqs ? { sqs: mapped(sqs) } : {}), ...(sns ? { sns: mapped(sns) } : {}), type }
}
