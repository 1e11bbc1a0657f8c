/** The shares of a rollout: ascending whole percents that end with 100. @returns what is wrong, completing "is "…", but must be" */
export function parseSteps(text: string): readonly number[] | string {
  const steps = text.split(',').map(part => part.trim().replace(/\s*%$/, ''));
  const numbers = steps.map(Number);
  const isAscending = numbers.every((step, index) => index === 0 || step > (numbers[index - 1] ?? 0));
  const isValid = steps.every(step => /^\d+$/.test(step)) && numbers.every(step => step >= 1 && step <= 100);
  if (!isValid || !isAscending) return 'ascending whole percents from 1 to 100, such as 5,25,50,100';
  return numbers.at(-1) === 100 ? numbers : [...numbers, 100];
}

/** The steps that are still to be made by a deployment that has a share already, as after a run that was stopped. */
export function remainingSteps(steps: readonly number[], share: number): readonly number[] {
  return steps.filter(step => step > share);
}
