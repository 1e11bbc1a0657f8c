import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleType,
  type IPolicy,
  retry,
  wrap,
} from 'cockatiel';
import { type Histogram } from 'prom-client';
import { z } from 'zod';
import { messageOf, Poison, Unavailable } from '../shared/failure';
import type { ModelFinding } from '../shared/video';

/** The label that both models have for a frame without a finding. */
const harmless = 'safe';

const answer = z.object({
  predictions: z.array(
    z.object({ model: z.string(), label: z.string(), probabilities: z.record(z.string(), z.number()) }),
  ),
});
type Prediction = z.infer<typeof answer>['predictions'][number];

interface Batch {
  deployment: string;
  predictions: Prediction[];
}

export interface ModelEndpointOptions {
  name: string;
  url: string;
  /** The key as it is now; it may be another one at the next call. */
  key: () => string | undefined;
  timeoutSeconds: number;
  batchFrames: number;
  /** How long nobody calls after five failures in a row. */
  openSeconds: number;
  duration: Histogram<'endpoint' | 'status'>;
}

/** An online endpoint of Azure Machine Learning with the Guardian scoring runtime behind it. */
export class ModelEndpoint {
  private readonly policy: IPolicy;
  private readonly breaker;
  private openUntil = 0;

  constructor(private readonly o: ModelEndpointOptions) {
    const whenUnavailable = handleType(Unavailable);
    this.breaker = circuitBreaker(whenUnavailable, {
      halfOpenAfter: o.openSeconds * 1000,
      breaker: new ConsecutiveBreaker(5),
    });
    this.breaker.onBreak(() => (this.openUntil = Date.now() + o.openSeconds * 1000));
    this.policy = wrap(
      retry(whenUnavailable, {
        maxAttempts: 2,
        backoff: new ExponentialBackoff({ initialDelay: 200, maxDelay: 2000 }),
      }),
      this.breaker,
    );
  }

  /** Milliseconds until the next call is worth a try. */
  get pausedFor(): number {
    return this.breaker.state === CircuitState.Open ? Math.max(0, this.openUntil - Date.now()) : 0;
  }

  /** @throws Unavailable when the endpoint does not answer now; Poison when it cannot take these frames */
  async judge(frames: Buffer[]): Promise<ModelFinding> {
    const batches: Batch[] = [];
    for (let at = 0; at < frames.length; at += this.o.batchFrames) {
      const images = frames.slice(at, at + this.o.batchFrames).map(frame => frame.toString('base64'));
      batches.push(await this.call(images));
    }
    return findingOf(batches);
  }

  private async call(images: string[]): Promise<Batch> {
    try {
      return await this.policy.execute(() => this.ask(images));
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) throw error;
      throw new Unavailable(`The ${this.o.name} endpoint failed again and again; nobody calls it for a while.`);
    }
  }

  private async ask(images: string[]): Promise<Batch> {
    const key = this.o.key();
    if (key === undefined) throw new Unavailable(`There is no key for the ${this.o.name} endpoint yet.`);
    let response = await this.send(images, key);
    if (response.status === 401 || response.status === 403) {
      // The key was changed after it was read, or is changed just now: the new one may be here already.
      const newKey = this.o.key();
      if (newKey !== undefined && newKey !== key) response = await this.send(images, newKey);
    }
    const text = await response.text();
    const said = `The ${this.o.name} endpoint answered ${response.status} (request ${response.headers.get('x-request-id') ?? 'without id'}): ${text.slice(0, 300)}`;
    // A request that the model cannot take stays wrong; all else, also a key that is not known, is up to others and may be over soon.
    if ([400, 413, 415, 422].includes(response.status)) throw new Poison(said);
    if (!response.ok) throw new Unavailable(said);
    const deployment = response.headers.get('azureml-model-deployment') ?? 'unknown';
    return { deployment, predictions: parsePredictions(text, images.length, said) };
  }

  private async send(images: string[], key: string): Promise<Response> {
    const { url, name, timeoutSeconds, duration } = this.o;
    const stop = duration.startTimer({ endpoint: name });
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ images }),
        signal: AbortSignal.timeout(timeoutSeconds * 1000),
      });
      stop({ status: String(response.status) });
      return response;
    } catch (error) {
      stop({ status: 'none' });
      const why =
        (error as Error).name === 'TimeoutError'
          ? `did not answer within ${timeoutSeconds} s`
          : `cannot be reached (${causeOf(error)})`;
      throw new Unavailable(`The ${name} endpoint ${url} ${why}.`);
    }
  }
}

function causeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string } };
  return cause?.code ?? messageOf(error);
}

function parsePredictions(text: string, expected: number, said: string): Prediction[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Unavailable(`${said}, which is not JSON`);
  }
  const result = answer.safeParse(value);
  if (!result.success || result.data.predictions.length !== expected)
    throw new Unavailable(`${said}, which is not a prediction for each of ${expected} frames`);
  return result.data.predictions;
}

/** Takes the answers of all batches together; a challenger may have given some of them. */
export function findingOf(batches: Batch[]): ModelFinding {
  const predictions = batches.flatMap(batch => batch.predictions);
  let worst = { label: harmless, probability: 0 };
  for (const { probabilities } of predictions) {
    for (const [label, probability] of Object.entries(probabilities)) {
      if (label !== harmless && probability > worst.probability) worst = { label, probability };
    }
  }
  const answeredBy = new Map<string, ModelFinding['answeredBy'][number]>();
  for (const { deployment, predictions: own } of batches) {
    for (const { model } of own) {
      const [name = model, version = ''] = model.split(':');
      const known = answeredBy.get(`${deployment} ${model}`) ?? { deployment, model: name, version, frames: 0 };
      answeredBy.set(`${deployment} ${model}`, { ...known, frames: known.frames + 1 });
    }
  }
  const flagged = predictions.filter(({ label }) => label !== harmless).length / Math.max(1, predictions.length);
  return { ...worst, flagged, frames: predictions.length, answeredBy: [...answeredBy.values()] };
}
