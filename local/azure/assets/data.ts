import type { FastifyInstance } from 'fastify';
import { userError } from '../arm/arm-error';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { assetName, type AssetWords, assetWords } from './asset-body';
import { findVersion } from './asset-reference';
import { versionResource } from './asset-resource';
import { registerAssets } from './asset-routes';
import { registerPendingUpload } from './codes';
import { datastoreUri, resolveDataUri, samePlace, type JobOutputs } from './data-uri';
import { VersionStore, type StoredVersion } from './version-store';

export interface DataProperties extends AssetWords {
  dataType: string;
  place: BlobPlace;
  /** Of a table: what its MLTable file names, as the client found it. */
  referencedUris?: string[];
}

const types = ['uri_file', 'uri_folder', 'mltable'];

/** Where the files of a data asset lie; undefined when there is no such asset. */
export type DataLookup = (reference: string) => BlobPlace | undefined;

/** Data assets: files, folders, and tables (a folder with an MLTable file). */
export function registerData(app: FastifyInstance, context: AzureContext, jobs: JobOutputs): DataLookup {
  const { workspaceArmId } = context;
  const data = new VersionStore<DataProperties>(context.journal, 'data');
  const show = (stored: StoredVersion<DataProperties>): unknown => {
    const { place, ...properties } = stored.properties;
    return versionResource(workspaceArmId, 'data', stored, { ...properties, dataUri: datastoreUri(context, place) });
  };
  registerAssets(app, context, data, { kind: 'data', what: 'data', show });
  app.put<{ Params: { name: string; version: string }; Body: { properties?: Record<string, unknown> } | undefined }>(
    '/data/:name/versions/:version',
    (request, reply) => {
      const name = assetName('data asset', request.params.name);
      const version = assetName('data version', request.params.version);
      const given = request.body?.properties ?? {};
      const dataType = typeof given.dataType === 'string' ? given.dataType : '';
      if (!types.includes(dataType)) {
        throw userError(`The dataType '${dataType}' is not supported by local Azure; supported: ${types.join(', ')}.`, {
          target: 'dataType',
        });
      }
      if (typeof given.dataUri !== 'string') throw userError('The data asset has no dataUri.', { target: 'dataUri' });
      const resolved = resolveDataUri(given.dataUri, context, jobs);
      const old = data.get(name, version);
      if (old && !samePlace(old.properties.place, resolved.place))
        throw userError('Asset paths cannot be updated.', { innerCode: 'ImmutablePathsError' });
      const stored = data.put(
        name,
        version,
        {
          ...assetWords(given),
          dataType,
          place: resolved.place,
          ...(dataType === 'mltable' ? { referencedUris: textList(given.referencedUris, 'referencedUris') } : {}),
        },
        request.caller?.clientId ?? '',
      );
      return reply.code(old ? 200 : 201).send(show(stored));
    },
  );
  registerPendingUpload(app, context, 'data');
  return reference => findVersion(data, reference, context)?.properties.place;
}

function textList(given: unknown, target: string): string[] {
  if (given === undefined || given === null) return [];
  if (Array.isArray(given) && given.every(item => typeof item === 'string')) return given;
  throw userError(`${target} must be a list of strings.`, { target });
}
