import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { problemsOf } from './failure';

const seconds = (value: number): z.ZodDefault<z.ZodCoercedNumber> => z.coerce.number().positive().default(value);

/** What every service needs. The AWS clients read AWS_REGION, AWS_ENDPOINT_URL and the credentials themselves. */
export const commonSettings = z.object({
  PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  VIDEOS_TABLE: z.string().min(1).default('guardian-videos'),
  EVENTS_TABLE: z.string().min(1).default('guardian-events'),
  EVENT_DAYS: z.coerce.number().int().positive().default(400),
});

/** What services that read a queue need besides. */
export const consumerSettings = commonSettings.extend({
  /** How long a message stays hidden from others; extended as long as the work goes on. */
  VISIBILITY_SECONDS: seconds(60),
  /** How long a message waits when something that it needs is unavailable. SQS takes 900 at most. */
  DEFER_SECONDS: z.coerce.number().int().min(0).max(900).default(30),
  /** Receives after which a message that fails again and again goes to the dead-letter queue. */
  MAX_RECEIVES: z.coerce.number().int().positive().default(4),
  POLL_SECONDS: z.coerce.number().int().min(0).max(20).default(20),
});

export const queueNames = z.object({
  VIDEO_QUEUE: z.string().min(1).default('guardian-video-processing'),
  GPU_QUEUE: z.string().min(1).default('guardian-gpu-processing'),
  POLICY_QUEUE: z.string().min(1).default('guardian-policy-evaluation'),
  NOTIFICATION_QUEUE: z.string().min(1).default('guardian-notification'),
});

/** @throws Error that lists every setting that is missing or wrong */
export function readSettings<T extends z.ZodType>(schema: T, environment: NodeJS.ProcessEnv = process.env): z.infer<T> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new Error(`Settings (environment variables) are missing or wrong:\n  ${problemsOf(result.error).join('\n  ')}`);
}

/**
 * A secret as it is now: from the file of its name in SECRETS_DIR, which Kubernetes keeps up to date while the pod runs,
 * else from the environment, which stays as it was when the pod started.
 */
export function currentSecret(name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const folder = environment['SECRETS_DIR'];
  if (folder) {
    try {
      return readFileSync(join(folder, name), 'utf8').trim() || undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return environment[name] || undefined;
}
