import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManifestError } from '../manifest';

/**
 * The ONNX file of a model that MLflow saved, relative to its folder; undefined where there is no MLmodel.
 * https://mlflow.org/docs/latest/ml/model/#storage-format
 * @throws ManifestError when the model is of no flavour that can be served here
 */
export async function onnxFileOf(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, 'MLmodel'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { parse } = await import('yaml');
  const document = parse(text) as { flavors?: Record<string, { data?: unknown } | null> } | null;
  const flavors = document?.flavors ?? {};
  const data = flavors['onnx']?.data;
  if (typeof data === 'string' && !/^[/\\]|(^|[/\\])\.\.([/\\]|$)/.test(data)) return data;
  throw new ManifestError(
    `The MLmodel in ${folder} has no flavour onnx with the model's file in it (it has ${Object.keys(flavors).join(', ') || 'none'}); this runtime serves ONNX.`,
  );
}
