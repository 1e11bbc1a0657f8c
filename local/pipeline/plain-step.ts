import type { StepBase } from './model';
import type { Position } from './pipeline-error';

/** What every step has, of one that the service adds by itself: it always runs, and nothing refers to it. */
export function plainStep(displayName: string, at: Position): StepBase {
  return {
    name: '',
    displayName,
    condition: undefined,
    continueOnError: false,
    enabled: true,
    timeoutInMinutes: 0,
    retryCount: 0,
    env: {},
    at,
  };
}
