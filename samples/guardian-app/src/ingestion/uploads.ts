import { randomUUID } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Queues } from '../shared/queues';
import type { Video } from '../shared/video';
import type { VideoStore } from '../shared/video-store';

/** S3 takes parts from 5 MiB on; ten thousand of them at most. */
const partBytes = 16 * 1024 * 1024;

export interface UploadRequest {
  fileName: string;
  contentType: string;
  sizeBytes: number;
  uploadedBy: string;
  correlationId: string;
}

export interface UploadTicket {
  videoId: string;
  correlationId: string;
  /** One URL for a PUT of the whole file, or one for each part in order. */
  upload:
    | { method: 'PUT'; url: string; headers: Record<string, string> }
    | { method: 'PUT'; partBytes: number; urls: string[] };
  expiresInSeconds: number;
}

/** What the caller asked for cannot be done. */
export class UploadRefused extends Error {
  constructor(
    readonly status: 404 | 409,
    message: string,
  ) {
    super(message);
  }
}

export class Uploads {
  constructor(
    private readonly parts: { s3: S3Client; store: VideoStore; queues: Queues },
    private readonly settings: { VIDEO_BUCKET: string; VIDEO_QUEUE: string; UPLOAD_URL_SECONDS: number },
  ) {}

  /** Makes the record and says where the bytes go. */
  async begin(request: UploadRequest): Promise<UploadTicket> {
    const { s3, store } = this.parts;
    const { VIDEO_BUCKET: Bucket, UPLOAD_URL_SECONDS: expiresIn } = this.settings;
    const videoId = randomUUID();
    const objectKey = `videos/${videoId}`;
    const isMultipart = request.sizeBytes > partBytes;
    const target = { Bucket, Key: objectKey, ContentType: request.contentType };
    const multipartUploadId = isMultipart
      ? (await s3.send(new CreateMultipartUploadCommand(target))).UploadId
      : undefined;
    const video: Video = {
      videoId,
      ...request,
      status: 'awaiting-upload',
      createdAt: new Date().toISOString(),
      objectKey,
      ...(multipartUploadId === undefined ? {} : { multipartUploadId }),
    };
    await store.create(video, {
      type: 'upload-begun',
      actor: request.uploadedBy,
      detail: { fileName: request.fileName, sizeBytes: request.sizeBytes },
    });
    const ticket = { videoId, correlationId: request.correlationId, expiresInSeconds: expiresIn };
    if (multipartUploadId === undefined) {
      // The length is part of what is signed: nobody uploads more than was announced.
      const command = new PutObjectCommand({ ...target, ContentLength: request.sizeBytes });
      const url = await getSignedUrl(s3, command, {
        expiresIn,
        signableHeaders: new Set(['content-type', 'content-length', 'host']),
      });
      return { ...ticket, upload: { method: 'PUT', url, headers: { 'content-type': request.contentType } } };
    }
    const count = Math.ceil(request.sizeBytes / partBytes);
    const urls = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        getSignedUrl(
          s3,
          new UploadPartCommand({ Bucket, Key: objectKey, UploadId: multipartUploadId, PartNumber: index + 1 }),
          { expiresIn },
        ),
      ),
    );
    return { ...ticket, upload: { method: 'PUT', partBytes, urls } };
  }

  /**
   * Checks that all bytes are there and sends the video on its way. A caller that got no answer calls again: the video is sent again,
   * which the next service notices.
   * @throws UploadRefused
   */
  async complete(videoId: string): Promise<Video> {
    const { s3, store, queues } = this.parts;
    const video = await store.get(videoId);
    if (!video) throw new UploadRefused(404, `There is no video ${videoId}.`);
    if (!['awaiting-upload', 'uploaded'].includes(video.status)) return video;
    if (video.status === 'awaiting-upload') {
      const { VIDEO_BUCKET: Bucket } = this.settings;
      const object = { Bucket, Key: video.objectKey };
      if (video.multipartUploadId !== undefined) await this.joinParts(object, video.multipartUploadId);
      const found = await s3.send(new HeadObjectCommand(object)).catch((error: unknown) => {
        if ((error as Error).name === 'NotFound') return undefined;
        throw error;
      });
      if (!found) throw new UploadRefused(409, `No bytes of the video ${videoId} were uploaded yet.`);
      if (found.ContentLength !== video.sizeBytes) {
        throw new UploadRefused(
          409,
          `The video ${videoId} was announced with ${video.sizeBytes} bytes; ${found.ContentLength ?? 0} were uploaded.`,
        );
      }
      await store.change(video, {
        set: { status: 'uploaded' },
        from: ['awaiting-upload'],
        event: { type: 'uploaded', actor: 'ingestion' },
      });
    }
    await queues.send(this.settings.VIDEO_QUEUE, { videoId, correlationId: video.correlationId });
    return { ...video, status: 'uploaded' };
  }

  /** Where the bytes can be had for a while. @throws UploadRefused */
  async content(videoId: string): Promise<{ url: string; expiresInSeconds: number }> {
    const { s3, store } = this.parts;
    const { VIDEO_BUCKET: Bucket, UPLOAD_URL_SECONDS: expiresIn } = this.settings;
    const video = await store.get(videoId);
    if (!video || video.status === 'awaiting-upload') throw new UploadRefused(404, `There is no video ${videoId}.`);
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: video.objectKey }), { expiresIn });
    return { url, expiresInSeconds: expiresIn };
  }

  private async joinParts(object: { Bucket: string; Key: string }, UploadId: string): Promise<void> {
    const { s3 } = this.parts;
    try {
      const parts: { ETag: string | undefined; PartNumber: number | undefined }[] = [];
      let marker: string | undefined;
      do {
        const page = await s3.send(
          new ListPartsCommand({ ...object, UploadId, ...(marker ? { PartNumberMarker: marker } : {}) }),
        );
        parts.push(...(page.Parts ?? []).map(({ ETag, PartNumber }) => ({ ETag, PartNumber })));
        marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
      } while (marker);
      if (parts.length === 0) throw new UploadRefused(409, 'No part of the video was uploaded yet.');
      await s3.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts: parts } }));
    } catch (error) {
      // An earlier call has joined them.
      if ((error as Error).name !== 'NoSuchUpload') throw error;
    }
  }
}
