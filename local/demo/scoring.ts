import { performance } from 'node:perf_hooks';
import { send } from './azure-reader';

export interface Photograph {
  /** Path relative to the photographs folder. */
  name: string;
  image: Buffer;
}

export interface Score {
  status: number;
  /** The deployment that answered, as the endpoint's router says. */
  deployment: string;
  label: string;
  probability: number;
  milliseconds: number;
}

export interface Endpoint {
  scoringUri: string;
  key: string;
  ca: string;
}

/** Sends one photograph to an endpoint; with `deployment`, to that one whatever its share of the traffic. */
export async function score(endpoint: Endpoint, photograph: Photograph, deployment?: string): Promise<Score> {
  const before = performance.now();
  const answer = await send(endpoint.scoringUri, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${endpoint.key}`,
      'content-type': 'image/jpeg',
      ...(deployment ? { 'azureml-model-deployment': deployment } : {}),
    },
    body: photograph.image,
    ca: endpoint.ca,
  });
  const milliseconds = performance.now() - before;
  if (answer.status !== 200)
    throw new Error(`${endpoint.scoringUri} answered ${answer.status}: ${answer.body.toString().slice(0, 400)}`);
  const body = JSON.parse(answer.body.toString()) as { label: string; probability: number };
  return {
    status: answer.status,
    deployment: String(answer.headers['azureml-model-deployment']),
    ...body,
    milliseconds,
  };
}

/** Sends `count` photographs, `concurrency` at a time, and returns every answer. */
export async function scoreMany(
  endpoint: Endpoint,
  photographs: Photograph[],
  count: number,
  concurrency = 4,
): Promise<Score[]> {
  const scores: Score[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const photograph = photographs[index % photographs.length];
      if (photograph) scores.push(await score(endpoint, photograph));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return scores;
}

/** How many of the answers came from each deployment. */
export function countByDeployment(scores: Score[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { deployment } of scores) counts[deployment] = (counts[deployment] ?? 0) + 1;
  return counts;
}

/** The `percent` percentile of the answers' latency, in milliseconds, by the nearest-rank method. */
export function latencyPercentile(scores: Score[], percent: number): number {
  const sorted = scores.map(item => item.milliseconds).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}
