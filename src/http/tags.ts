// The groups of operations in documents and generated clients.

export const tags = {
  Publishing: 'Publish events: the event gateway.',
  Log: 'Read the log, and follow it.',
  'Event types': 'The event types.',
  Integrations: 'Webhooks and files in S3.',
  Deliveries: 'The deliveries and failures of an integration or a subscription.',
  Actions: 'Act on a stream by hand: test it, skip an event, send one again.',
  Collector: 'Events in the form of the event collector.',
  Subscriptions: 'Queues and topics that receive events.',
  'Notification jobs': 'Scheduled mails to customers.',
  Configuration: 'The history of the configuration: who changed what, and how it was.',
  Access: 'API keys and short-lived tokens.',
  Webhooks: 'The requests that a receiver gets, and the meaning of its answers.',
  Service: 'Health, and the documents of this API.',
} as const

export type Tag = keyof typeof tags
