// Subscriptions as the service shows them.

/**
 * @typedef {{ region: string, queueUrl?: string, topicArn?: string, endpoint?: string,
 *   accessKey?: string, accessSecret?: string }} Account
 * @typedef {{ id: string, active: boolean, entityType: string, subscribeCreate: boolean,
 *   subscribeChange: boolean, subscribeDelete: boolean, destination: { type: 'SQS' | 'SNS',
 *   sqs?: Account, sns?: Account }, health?: import('./integrations.js').Health,
 *   warnings?: { message: string }[] }} Subscription
 */

export const SUBSCRIPTIONS_PATH = 'api/v1/event-subscription'

/** @param {string} id */
export const pathOfSubscription = (id) => `${SUBSCRIPTIONS_PATH}/${encodeURIComponent(id)}`

/**
 * The part of a destination with its address.
 * @param {Subscription} subscription
 */
export const accountOf = ({ destination: { type, sqs, sns } }) =>
  (type === 'SNS' ? (sns ?? sqs) : sqs) ?? { region: '' }

/** The address of its queue or topic. @param {Subscription} subscription */
export function addressOf(subscription) {
  const { topicArn, queueUrl } = accountOf(subscription)
  return topicArn ?? queueUrl ?? ''
}
