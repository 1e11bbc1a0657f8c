import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const milliseconds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192].map(value => value / 1000);

/** What /metrics shows; scoring-runtime/README.md lists every name. */
export function createMetrics(state: { queued: () => number; inside: () => number; ready: () => boolean }) {
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
  gauge('guardian_scoring_ready', '1 when the model is loaded, verified and warmed up', () => Number(state.ready()));
  gauge('guardian_scoring_queued_images', 'Images decoded and waiting for a batch', state.queued);
  gauge('guardian_scoring_images_in_progress', 'Images accepted and not answered yet', state.inside);
  const histogram = (name: string, help: string, buckets = milliseconds) =>
    new Histogram({ name, help, buckets, registers });
  return {
    registry,
    requests: new Counter({
      name: 'guardian_scoring_requests_total',
      help: 'Scoring requests by HTTP status',
      labelNames: ['status'],
      registers,
    }),
    requestSeconds: histogram('guardian_scoring_request_duration_seconds', 'Time from request to answer'),
    images: new Counter({
      name: 'guardian_scoring_images_total',
      help: 'Images scored, by model and predicted label',
      labelNames: ['model', 'label'],
      registers,
    }),
    decodeSeconds: histogram('guardian_scoring_decode_duration_seconds', 'Native decoding of one image'),
    resizeSeconds: histogram('guardian_scoring_resize_duration_seconds', 'Resizing and normalising one image'),
    queueSeconds: histogram('guardian_scoring_queue_duration_seconds', 'Wait of a decoded image for its batch'),
    inferenceSeconds: histogram('guardian_scoring_inference_duration_seconds', 'One run of the model over a batch'),
    batchImages: histogram('guardian_scoring_batch_images', 'Images in a batch', [1, 2, 4, 8, 16, 32, 64, 128]),
    model: new Gauge({
      name: 'guardian_scoring_model_info',
      help: 'Always 1; its labels say which model is served',
      labelNames: ['model', 'version', 'digest'],
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
