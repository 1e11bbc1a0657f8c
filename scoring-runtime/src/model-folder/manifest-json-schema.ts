import * as z from 'zod/mini';
import { manifestSchema } from '../manifest';

/** The rules for guardian-model.json as JSON schema (draft 2020-12), for editors and for those who write manifests. */
export function manifestJsonSchema(): object {
  return {
    title: 'guardian-model.json',
    description: 'How the Guardian scoring runtime feeds an ONNX image model and reads its answer',
    ...z.toJSONSchema(manifestSchema, { io: 'input' }),
  };
}
