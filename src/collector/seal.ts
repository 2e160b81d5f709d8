// The keys of a subscription's destination: sealed where they are stored, opened where it is
// delivered to, masked where it is shown, and kept where an update does not name them.

import type { SecretBox } from '../access/secret.ts'
import type { FoundSubscription } from './find.ts'
import {
  type DestinationDocument,
  MASK,
  type NewSubscription,
  placeOf,
  type Subscription,
  type SubscriptionDocument,
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

/** An update with the keys that it does not name, or masks, as they are stored. */
export function withStoredKeys<Update extends Pick<NewSubscription, 'destination'>>(
  tenant: string,
  update: Update,
  stored: SubscriptionDocument,
  secrets: SecretBox,
): Update {
  const { destination } = update
  const old: Keys = placeOf(openDestination(tenant, stored.destination, secrets))?.place ?? {}
  const keep = <Block extends Keys>(block: Block): Block => ({
    ...block,
    ...kept('accessKey', block, old),
    ...kept('accessSecret', block, old),
  })
  return {
    ...update,
    destination: {
      ...destination,
      ...(destination.sqs ? { sqs: keep(destination.sqs) } : {}),
      ...(destination.sns ? { sns: keep(destination.sns) } : {}),
    },
  }
}

function kept(name: keyof Keys, { [name]: key }: Keys, { [name]: old }: Keys): Keys {
  return (key === undefined || key === MASK) && old !== undefined ? { [name]: old } : {}
}

/** What is needed of a subscription to show it. */
export type ShownSubscription = Pick<FoundSubscription, 'id' | 'desired' | 'document'>

/** What a client sees of a subscription. */
export function present({ id, desired, document }: ShownSubscription): Subscription {
  const { destination, entityType, subscribeChange, subscribeCreate, subscribeDelete } = document
  return {
    active: desired === 'running',
    destination: mapKeys(destination, () => MASK),
    entityType,
    id,
    ...{ subscribeChange, subscribeCreate, subscribeDelete },
  }
}

function mapKeys(
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
