// The groups of operations, as documents and generated clients show them.

export const tags = {
  Publishing: 'Publish events: the event gateway.',
  'Event types': 'Which events there are.',
  Integrations: 'Webhooks and files in S3 that receive the log from a position on.',
  Deliveries: 'What an integration or a subscription was sent, and what failed.',
  Collector: 'Events that are posted in the form of the event collector.',
  Subscriptions: 'Queues and topics that receive events.',
  'Notification jobs': 'Mails to customers, by schedule.',
  Access: 'API keys and short-lived tokens.',
  Webhooks: 'What a receiver gets, and what its answers mean.',
  Service: 'Health, and what describes this API.',
} as const

export type Tag = keyof typeof tags
