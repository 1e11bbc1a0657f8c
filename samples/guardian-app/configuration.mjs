import { createHash } from 'node:crypto';

/**
 * @typedef {{ url: string, key: string }} Endpoint
 * @typedef {{ nsfw?: Endpoint, violence?: Endpoint, missing: string[], timeoutMilliseconds: number }} Configuration
 */

/**
 * Reads what the pipeline writes into guardian-config and guardian-config-secrets. One key may serve both endpoints.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Configuration}
 */
export function readConfiguration(env) {
  const key = env.MODEL_ENDPOINT_KEY;
  const violenceKey = env.VIOLENCE_MODEL_ENDPOINT_KEY || key;
  const seconds = Number(env.SCREEN_TIMEOUT_SECONDS);
  const missing = [
    ...['NSFW_MODEL_ENDPOINT', 'VIOLENCE_MODEL_ENDPOINT'].filter(name => !env[name]),
    ...(key ? [] : ['MODEL_ENDPOINT_KEY']),
  ];
  return {
    ...(env.NSFW_MODEL_ENDPOINT && key ? { nsfw: { url: env.NSFW_MODEL_ENDPOINT, key } } : {}),
    ...(env.VIOLENCE_MODEL_ENDPOINT && violenceKey
      ? { violence: { url: env.VIOLENCE_MODEL_ENDPOINT, key: violenceKey } }
      : {}),
    missing,
    timeoutMilliseconds: (seconds > 0 ? seconds : 5) * 1000,
  };
}

/**
 * The configuration for reading: a key shows only the beginning of its SHA-256, enough to compare.
 * @param {Configuration} configuration
 */
export function describeConfiguration({ nsfw, violence, missing, timeoutMilliseconds }) {
  const describe = endpoint =>
    endpoint && { url: endpoint.url, keySha256: createHash('sha256').update(endpoint.key).digest('hex').slice(0, 12) };
  return { nsfw: describe(nsfw), violence: describe(violence), missing, timeoutSeconds: timeoutMilliseconds / 1000 };
}
