/** Makes or finds a Python that has what the requirement lines ask for. See local/python/python-environment.ts. */
export type PreparePython = (o: {
  /** pip requirement lines; none = any Python. */
  requirements: string[];
  cacheDir: string;
  log: (line: string) => void;
  signal?: AbortSignal;
}) => Promise<{
  python: string;
  /** Folder of the interpreter and its programs, for PATH. */
  binDir: string;
  /** Whether it was there before. */
  reused: boolean;
}>;
