// Creates the store for an integration's files from its document. The S3 client is loaded with the
// first file: it takes 37 MiB of memory, and 0.1 s at a start.

import type { Config } from '../../config.ts'
import { type FileStore, unavailableStore } from '../../destination/destination.ts'
import type { PartBufferPool } from '../../destination/s3-parts.ts'
import type { IntegrationDocument } from '../../integration/integration.ts'
import { openDocument } from '../../integration/secrets.ts'
import { NotOpened, type SecretBox } from '../../sealing/secret.ts'

/** A function that creates stores, each with its own connections. */
export function createStores(
  config: Config,
  secrets: SecretBox,
): (tenant: string, document: IntegrationDocument) => Promise<FileStore> {
  let partBuffers: PartBufferPool | undefined
  return async (tenant, stored) => {
    try {
      return await storeOf(openDocument(tenant, stored, secrets))
    } catch (error) {
      // Reported with each attempt and retried as usual; then the consumer stops.
      if (error instanceof NotOpened) return unavailableStore(error.message)
      throw error
    }
  }

  async function storeOf({ s3_parameters }: IntegrationDocument): Promise<FileStore> {
    if (!s3_parameters) throw new Error('This integration gets single events, not files.')
    const { createS3 } = await import('../../destination/s3.ts')
    const { createPartBuffers } = await import('../../destination/s3-parts.ts')
    partBuffers ??= createPartBuffers()
    const { aws_access_key_id, aws_secret_access_key } = s3_parameters
    const hasKeys = aws_access_key_id !== undefined && aws_secret_access_key !== undefined
    return createS3(partBuffers, {
      region: s3_parameters.aws_region,
      bucket: s3_parameters.bucket,
      credentials: hasKeys
        ? { accessKeyId: aws_access_key_id, secretAccessKey: aws_secret_access_key }
        : undefined,
      endpoint: s3_parameters.endpoint,
      forcePathStyle: s3_parameters.force_path_style,
      timeoutMs: config.MILLRACE_DELIVERY_TIMEOUT_MS,
      allowPrivateTargets: config.MILLRACE_ALLOW_PRIVATE_TARGETS,
      allowDefaultCredentials: config.MILLRACE_S3_DEFAULT_CREDENTIALS,
    })
  }
}
