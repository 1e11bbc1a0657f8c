/**
 * Seconds of an ISO 8601 duration of days and smaller, as Azure ML uses them: `PT1H30M`, `P1DT2S`, `PT0.5S`.
 * Undefined when the text is none.
 */
export function isoDurationSeconds(text: string): number | undefined {
  const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(text);
  if (!match || text.length < 3 || /T$/i.test(text)) return undefined;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = match;
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
}
