import { z } from 'zod';
import { documentClient, s3Client, sqsClient } from '../shared/aws';
import { problemsOf } from '../shared/failure';
import { Queues } from '../shared/queues';
import { runService } from '../shared/service';
import { commonSettings, queueNames, readSettings } from '../shared/settings';
import { VideoStore } from '../shared/video-store';
import { UploadRefused, Uploads } from './uploads';

const schema = commonSettings.extend({
  ...queueNames.shape,
  VIDEO_BUCKET: z.string().min(1),
  UPLOAD_URL_SECONDS: z.coerce.number().int().min(1).max(604_800).default(900),
  MAX_VIDEO_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(2 * 1024 ** 3),
});

const settings = (): z.infer<typeof schema> => readSettings(schema);

await runService('ingestion', settings, ({ app }) => {
  const values = settings();
  const store = new VideoStore(documentClient(), values);
  const uploads = new Uploads({ s3: s3Client(), store, queues: new Queues(sqsClient()) }, values);
  const body = z.object({
    fileName: z.string().min(1).max(255),
    contentType: z.string().regex(/^video\/[\w.+-]+$/, 'must be a video type, such as video/mp4'),
    sizeBytes: z.number().int().positive().max(values.MAX_VIDEO_BYTES),
    uploadedBy: z.string().min(1),
  });

  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof UploadRefused) return reply.code(error.status).send({ error: error.message });
    throw error;
  });

  app.post('/uploads', async (request, reply) => {
    const parsed = body.safeParse(request.body);
    if (!parsed.success) return reply.code(400).send({ error: problemsOf(parsed.error).join('; ') });
    const ticket = await uploads.begin({ ...parsed.data, correlationId: request.id });
    request.log.info({ correlationId: request.id, videoId: ticket.videoId }, 'upload begun');
    return reply.code(201).send(ticket);
  });

  app.post<{ Params: { videoId: string } }>('/uploads/:videoId/complete', async (request, reply) => {
    const { videoId, status, correlationId } = await uploads.complete(request.params.videoId);
    request.log.info({ correlationId, videoId, status }, 'upload complete');
    return reply.code(202).send({ videoId, status, correlationId });
  });
  app.get<{ Params: { videoId: string } }>('/uploads/:videoId/content', request =>
    uploads.content(request.params.videoId),
  );
  return {};
});
