import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../free-port';
import { start } from '../processes';
import { pinnedPython } from '../python/pinned-python';

export interface LocalAws {
  /** For AWS_ENDPOINT_URL. */
  url: string;
  /** The environment with which any AWS client uses it. */
  environment: Record<string, string>;
  /**
   * Takes the policy off a bucket. The one that setup-aws writes denies what is not TLS by a condition, and moto, which speaks plain http
   * here, looks at no condition of a policy: it would deny every presigned request.
   */
  withoutBucketPolicy(bucket: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * S3, SQS, DynamoDB, IAM and STS in this machine's memory: moto's server. Of the stand-ins it is the one that has all five in one process
 * without Docker, a Java runtime or an account, checks requests by botocore's own models, and keeps what the application depends on:
 * conditional writes and transactions, visibility timeouts, delayed messages and dead-letter queues. It does not check signatures
 * or policies, and forgets everything at its end.
 */
export async function startLocalAws(options: { cacheDir: string }): Promise<LocalAws> {
  const python = await pinnedPython(join(__dirname, 'requirements.txt'), options.cacheDir);
  const port = await freePort();
  const child = start(join(dirname(python), 'moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
    env: { PATH: process.env.PATH },
    endWithParent: true,
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said.push(chunk.toString());
      // One line a request: only the end is of interest.
      if (said.length > 50) said.shift();
    });
  }
  const url = `http://127.0.0.1:${port}`;
  while (!(await answers(`${url}/moto-api/`))) {
    const ended = await Promise.race([child.exit, sleep(50)]);
    if (ended) throw new Error(`moto's server did not start:\n${said.join('')}`);
  }
  const environment = {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  };
  const withoutBucketPolicy = async (bucket: string): Promise<void> => {
    // Any signature will do.
    const authorization =
      'AWS4-HMAC-SHA256 Credential=local/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0';
    const { status } = await fetch(`${url}/${bucket}?policy`, { method: 'DELETE', headers: { authorization } });
    if (status !== 204) throw new Error(`moto answered ${status} when the policy of ${bucket} was deleted.`);
  };
  return { url, environment, withoutBucketPolicy, stop: () => child.kill() };
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    response => response.ok,
    () => false,
  );
}
