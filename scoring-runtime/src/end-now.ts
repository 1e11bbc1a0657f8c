import { createRequire } from 'node:module';

/**
 * Ends the process with this code, whatever its threads are doing. `process.exit` would wait until they are out of native
 * code, for as long as that takes, and onnxruntime-node then aborts the process (code 134).
 */
export function endNow(code: number): never {
  try {
    const koffi = createRequire(__filename)('koffi') as Koffi;
    koffi.load(null).func('_exit', 'void', ['int'])(code);
  } catch {
    // Where the C library is not to be had this way, such as on Windows, nobody sends the signals that lead here either.
  }
  process.exit(code);
}

/** What is used of koffi: functions of the libraries that the process has loaded already. */
interface Koffi {
  load(file: null): { func(name: string, result: string, parameters: readonly string[]): (code: number) => void };
}
