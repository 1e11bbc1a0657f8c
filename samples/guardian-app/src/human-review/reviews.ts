import type { Queues } from '../shared/queues';
import type { Video } from '../shared/video';
import type { VideoStore } from '../shared/video-store';

export class ReviewRefused extends Error {
  constructor(
    readonly status: 404 | 409,
    message: string,
  ) {
    super(message);
  }
}

/** Videos that a person decides. A claim keeps two people from the same video; it ends by itself. */
export class Reviews {
  constructor(
    private readonly store: VideoStore,
    private readonly queues: Queues,
    private readonly settings: { NOTIFICATION_QUEUE: string; CLAIM_MINUTES: number },
  ) {}

  list(limit: number, cursor?: string): Promise<{ videos: Video[]; cursor?: string }> {
    return this.store.list({ status: 'in-review', limit, ...(cursor === undefined ? {} : { cursor }) });
  }

  /** @throws ReviewRefused when it is not waiting for a review, or another person has it */
  async claim(videoId: string, by: string): Promise<Video> {
    const video = await this.inReview(videoId);
    const now = new Date().toISOString();
    const until = new Date(Date.now() + this.settings.CLAIM_MINUTES * 60_000).toISOString();
    const isMine = await this.store.change(video, {
      set: { claim: { by, until } },
      from: ['in-review'],
      when: {
        expression: 'attribute_not_exists(claim) OR claim.#by = :by OR claim.#until < :now',
        names: { '#by': 'by', '#until': 'until' },
        values: { ':by': by, ':now': now },
      },
      event: { type: `claimed#${now}`, actor: by },
    });
    if (!isMine)
      throw new ReviewRefused(
        409,
        `The video ${videoId} is claimed by ${(await this.store.get(videoId))?.claim?.by ?? 'somebody else'}.`,
      );
    return { ...video, claim: { by, until } };
  }

  /** The decision of the person who claimed it, once. The same decision again is answered as the first time. @throws ReviewRefused */
  async decide(videoId: string, by: string, outcome: 'approve' | 'block', comment: string): Promise<Video> {
    const before = await this.store.get(videoId);
    if (before?.decision) {
      if (before.decision.decidedBy !== by || before.decision.outcome !== outcome)
        throw new ReviewRefused(
          409,
          `The video ${videoId} is decided: ${before.decision.outcome} by ${before.decision.decidedBy}.`,
        );
      await this.queues.send(this.settings.NOTIFICATION_QUEUE, { videoId, correlationId: before.correlationId });
      return before;
    }
    const video = await this.inReview(videoId);
    const now = new Date().toISOString();
    const decision = { outcome, decidedBy: by, decidedAt: now, reasons: [comment] };
    const isDone = await this.store.change(video, {
      set: { decision, status: 'decided' },
      remove: ['claim'],
      unless: ['decision'],
      from: ['in-review'],
      when: {
        expression: 'claim.#by = :by AND claim.#until >= :now',
        names: { '#by': 'by', '#until': 'until' },
        values: { ':by': by, ':now': now },
      },
      event: { type: 'decided', actor: by, detail: decision },
    });
    if (!isDone)
      throw new ReviewRefused(409, `Claim the video ${videoId} first: it is not claimed by you, or no longer.`);
    await this.queues.send(this.settings.NOTIFICATION_QUEUE, { videoId, correlationId: video.correlationId });
    return { ...video, decision, status: 'decided' };
  }

  async inReview(videoId: string): Promise<Video> {
    const video = await this.store.get(videoId);
    if (!video) throw new ReviewRefused(404, `There is no video ${videoId}.`);
    if (video.status !== 'in-review')
      throw new ReviewRefused(409, `The video ${videoId} does not wait for a review: it is ${video.status}.`);
    return video;
  }
}
