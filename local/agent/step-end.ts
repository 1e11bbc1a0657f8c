/** Why a step was ended before its time; both texts are the agent's. */
export class StepCanceled extends Error {
  constructor() {
    super('The operation was canceled.');
  }
}

export class StepTimedOut extends Error {
  constructor() {
    super('The task has timed out.');
  }
}
