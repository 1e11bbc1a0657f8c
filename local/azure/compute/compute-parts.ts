import type { Collection } from '../../journal';
import type { CodeLookup } from '../assets/codes';
import type { DataLookup } from '../assets/data';
import type { JobOutputs } from '../assets/data-uri';
import type { JobStore } from '../jobs/job-record';
import type { ModelStore } from '../assets/models';
import type { RunStore } from '../tracking/run-store';
import type { ComputeRecord } from './compute-record';
import type { PreparePython } from './python';

/** What running jobs reads and writes; see the modules of each. */
export interface ComputeParts {
  jobs: JobStore;
  runs: RunStore;
  models: ModelStore;
  computes: Collection<ComputeRecord>;
  codes: CodeLookup;
  data: DataLookup;
  jobOutputs: JobOutputs;
  preparePython: PreparePython;
}
