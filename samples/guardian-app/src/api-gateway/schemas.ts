/** What each operation of the API takes, as OpenAPI shows it and as requests are checked. */
const videoId = {
  type: 'object',
  properties: { videoId: { type: 'string', format: 'uuid' } },
  required: ['videoId'],
} as const;

const page = {
  limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
  cursor: { type: 'string', maxLength: 2000, description: 'what the page before gave' },
} as const;

export const beginUpload = {
  summary: 'Begin an upload',
  description: 'Answers with one presigned URL, or one for each part, where the bytes go with PUT.',
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['fileName', 'contentType', 'sizeBytes'],
    properties: {
      fileName: { type: 'string', minLength: 1, maxLength: 255 },
      contentType: { type: 'string', pattern: '^video/[\\w.+-]+$' },
      sizeBytes: { type: 'integer', minimum: 1 },
    },
  },
} as const;
export const completeUpload = { summary: 'Say that all bytes are uploaded', params: videoId } as const;
export const listVideos = (statuses: readonly string[]): object => ({
  summary: 'List videos of a status, oldest first',
  querystring: {
    type: 'object',
    required: ['status'],
    properties: { status: { type: 'string', enum: statuses }, ...page },
  },
});
export const readVideo = {
  summary: 'A video with its findings, its decision and its audit log',
  params: videoId,
} as const;
export const videoContent = {
  summary: 'Where the bytes of a video can be had',
  description: 'Answers with a presigned URL and how long it holds.',
  params: videoId,
} as const;
export const listReviews = {
  summary: 'Videos that wait for a person',
  querystring: { type: 'object', properties: page },
} as const;
export const claimReview = { summary: 'Claim a video for review', params: videoId } as const;
export const decideReview = {
  summary: 'Decide a claimed video',
  params: videoId,
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['outcome', 'comment'],
    properties: {
      outcome: { type: 'string', enum: ['approve', 'block'] },
      comment: { type: 'string', minLength: 1, maxLength: 2000 },
    },
  },
} as const;
export const suggestReview = { summary: 'What the copilot would do; a person decides', params: videoId } as const;
