import { z } from 'zod';

export type Status = 'awaiting-upload' | 'uploaded' | 'screened' | 'analysed' | 'in-review' | 'decided' | 'failed';
export const statuses = [
  'awaiting-upload',
  'uploaded',
  'screened',
  'analysed',
  'in-review',
  'decided',
  'failed',
] as const satisfies readonly Status[];

export type Outcome = 'approve' | 'review' | 'block';

/** What cheap signals of a few small frames say; every number is 0 to 1. */
export interface Screening {
  risk: number;
  signals: { skin: number; red: number; dark: number; motion: number };
  /** Why the video went on to the models, or not. */
  route: 'high-risk' | 'sampled' | 'low-risk';
  frames: number;
}

/** What one model said of a video's frames. */
export interface ModelFinding {
  /** The highest probability of any label but the harmless one, over all frames. */
  probability: number;
  label: string;
  /** Share of the frames whose label is not the harmless one. */
  flagged: number;
  frames: number;
  /** Who answered: more than one while a challenger has its share of the traffic. */
  answeredBy: { deployment: string; model: string; version: string; frames: number }[];
}

export interface Analysis {
  nsfw: ModelFinding;
  violence: ModelFinding;
}

export interface PolicyDecision {
  outcome: Outcome;
  policyVersion: string;
  reasons: string[];
}

export interface Decision {
  outcome: 'approve' | 'block';
  decidedBy: string;
  decidedAt: string;
  reasons: string[];
}

/** The record of a video in guardian-videos. Each stage adds its own part once and leaves the others alone. */
export interface Video {
  videoId: string;
  correlationId: string;
  status: Status;
  createdAt: string;
  uploadedBy: string;
  fileName: string;
  contentType: string;
  sizeBytes: number;
  objectKey: string;
  multipartUploadId?: string;
  screening?: Screening;
  analysis?: Analysis;
  policy?: PolicyDecision;
  claim?: { by: string; until: string };
  decision?: Decision;
  failure?: { stage: string; reason: string };
}

/** What every queue carries: who it is about. Everything else is in the record. */
export const videoMessage = z.object({
  videoId: z.string().min(1),
  correlationId: z.string().min(1),
  /** Set when a message waits for something unavailable, so that its age stays known. */
  firstSentAt: z.string().optional(),
});
export type VideoMessage = z.infer<typeof videoMessage>;
