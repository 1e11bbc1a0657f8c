import type { GateResult } from './gates';

/** One line for the log: `Gate "acc >= 0.9": pass, acc is 0.93, wanted >= 0.9.` */
export function gateLine({ gate, verdict, explanation }: GateResult): string {
  return `Gate "${gate.text}": ${verdict}, ${explanation}.`;
}

/** The gates that were not met or could not be judged, for a failure's message. */
export function openGates(results: readonly GateResult[]): string {
  return results
    .filter(({ verdict }) => verdict !== 'pass')
    .map(({ gate, verdict, explanation }) => `  - ${gate.text}: ${verdict}, ${explanation}`)
    .join('\n');
}

/** Rows of a table with the columns gate, verdict and why. */
export function gateRows(results: readonly GateResult[]): string[][] {
  return results.map(({ gate, verdict, explanation }) => [gate.text, verdict, explanation]);
}

/** Gates as a release record has them. */
export function gateRecords(results: readonly GateResult[]): object[] {
  return results.map(({ gate, verdict, value, limit }) => ({ gate: gate.text, verdict, value, limit }));
}
