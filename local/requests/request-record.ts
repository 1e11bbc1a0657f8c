/** The parts of local Azure that a request can go to. */
export type Plane =
  | 'directory'
  | 'devops'
  | 'arm'
  | 'discovery'
  | 'history'
  | 'metric'
  | 'mlflow'
  | 'scoring'
  | 'blob'
  | 'kubernetes'
  | 'local'
  | 'other';

/** One request and what became of it. No field holds a token, a key, a password or a signature. */
export interface RequestRecord {
  /** When it came in, ISO 8601. */
  time: string;
  plane: Plane;
  method: string;
  /** Without the query; percent-encoded as it was sent. */
  path: string;
  /** Method and route below the workspace (or below the plane), for example `PUT onlineEndpoints/{endpoint}/deployments/{deployment}`. */
  operation: string;
  apiVersion?: string;
  /** HTTP status; 0 when the connection ended before there was one. */
  status: number;
  /** From the first byte of the request to the last of the answer. */
  milliseconds: number;
  /** Body bytes as the headers say them; absent when they do not. */
  bytesIn?: number;
  bytesOut?: number;
  requestId?: string;
  clientRequestId?: string;
  /** Which fault was put into it; see local/azure/faults. */
  fault?: string;
}

/** For tests: what a client sent, to be held against the published schema. Never written to a file. */
export interface RecordedRequest extends RequestRecord {
  /** Path and query, signatures blanked out. */
  url: string;
  /** Lower-case names; those that carry secrets are blanked out. */
  headers: Record<string, string>;
  /** The parsed JSON body; absent where there was none or it is no JSON, and on the directory's plane, where it holds secrets. */
  body?: unknown;
}
