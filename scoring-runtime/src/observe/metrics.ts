import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ModelIdentity } from '../served-model';

const milliseconds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192].map(value => value / 1000);

/** Where the gauges read from, at each scrape. */
export interface ObservedState {
  /** Images that wait for a batch, by model. */
  queued(): Iterable<readonly [model: string, images: number]>;
  /** Images accepted and not answered yet. */
  inside(): number;
  ready(): boolean;
}

/** What /metrics shows; scoring-runtime/README.md lists every name. */
export function createMetrics(state: ObservedState) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('guardian_scoring_ready', '1 when the models are loaded, verified and warmed up', () => Number(state.ready()));
  gauge('guardian_scoring_images_in_progress', 'Images accepted and not answered yet', () => state.inside());
  new Gauge({
    name: 'guardian_scoring_queued_images',
    help: 'Images decoded and waiting for a batch',
    labelNames: ['model'],
    registers,
    collect() {
      for (const [model, images] of state.queued()) this.set({ model }, images);
    },
  });
  const histogram = <Label extends string>(name: string, help: string, labelNames: Label[], buckets = milliseconds) =>
    new Histogram({ name, help, labelNames, buckets, registers });
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });

  const images = counter('guardian_scoring_images_total', 'Images scored, by model and predicted label', [
    'model',
    'label',
  ]);
  const perModel = {
    decode: histogram('guardian_scoring_decode_duration_seconds', 'Native decoding of one image', ['model']),
    resize: histogram('guardian_scoring_resize_duration_seconds', 'Resizing and normalising one image', ['model']),
    queue: histogram('guardian_scoring_queue_duration_seconds', 'Wait of a decoded image for its batch', ['model']),
    inference: histogram('guardian_scoring_inference_duration_seconds', 'One run of the model over a batch', ['model']),
    batch: histogram('guardian_scoring_batch_images', 'Images in a batch', ['model'], [1, 2, 4, 8, 16, 32, 64, 128]),
  };
  const info = new Gauge({
    name: 'guardian_scoring_model_info',
    help: 'Always 1; its labels say which model is served',
    labelNames: ['model', 'version', 'digest'],
    registers,
  });
  return {
    registry,
    requests: counter('guardian_scoring_requests_total', 'Scoring requests by model, route and HTTP status', [
      'model',
      'route',
      'status',
    ]),
    requestSeconds: histogram('guardian_scoring_request_duration_seconds', 'Time from request to answer', [
      'model',
      'route',
    ]),
    captures: counter('guardian_scoring_captures_total', 'Images that data capture wrote, dropped or failed to write', [
      'result',
    ]),
    spans: counter('guardian_scoring_spans_total', 'Trace spans that were exported, dropped or failed to leave', [
      'result',
    ]),
    /** The metrics of one model, looked up once. */
    ofModel({ name, version, digest, label: model }: ModelIdentity) {
      info.set({ model: name, version: version ?? '', digest }, 1);
      return {
        images: (label: string) => images.labels({ model, label }),
        decodeSeconds: perModel.decode.labels({ model }),
        resizeSeconds: perModel.resize.labels({ model }),
        queueSeconds: perModel.queue.labels({ model }),
        inferenceSeconds: perModel.inference.labels({ model }),
        batchImages: perModel.batch.labels({ model }),
      };
    },
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
export type ModelMetrics = ReturnType<Metrics['ofModel']>;
