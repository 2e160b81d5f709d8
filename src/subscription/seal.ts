// The keys of a subscription's destination: sealed where they are stored, opened where it is
// delivered to, masked where it is shown, and kept where an update of the same origin does not name
// them.

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
  serviceOf,
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

/** The destination with its keys in clear. Throws where the key is another than sealed them. */
export function openDestination(
  tenant: string,
  destination: DestinationDocument,
  secrets: SecretBox,
): DestinationDocument {
  return mapKeys(destination, (key) => secrets.open(tenant, key))
}

/**
 * The document of an update, to store. Keys that it leaves out or masks stay as they are stored;
 * none is opened: one that cannot be opened any more can be replaced.
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
  // A mask of nothing stays, to be refused.
  const value = old ?? key
  return value === undefined ? {} : { [name]: value }
}

/** What would send a stored key to another origin than it was stored for. */
export function faultsOfMovedKeys(
  update: Pick<NewSubscription, 'destination'>,
  stored: SubscriptionDocument,
): Fault[] {
  const [old, given] = [parametersOf(stored.destination), parametersOf(update.destination)]
  const [from, to] = [serviceOf(stored.destination), serviceOf(update.destination)]
  if (!old || !given || isSameOrigin(from, to)) return []
  const names = ['accessKey', 'accessSecret'] as const
  const moved = names.filter((name) => {
    const key = given.parameters[name]
    return old.parameters[name] !== undefined && (key === undefined || key === MASK)
  })
  return moved.map((name) => faultOfUnnamedSecret(`destination.${given.field}.${name}`, ''))
}

/** What is needed of a subscription to show it. */
export type ShownSubscription = Pick<FoundSubscription, 'id' | 'desired' | 'document'>

/** What a client sees of a subscription. */
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

/** A destination with each of its keys as `map` makes it. */
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
