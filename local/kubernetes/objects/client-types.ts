import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A field of a type in the official client's notation. */
export interface ClientAttribute {
  baseName: string;
  type: string;
  format: string;
}

/** The fields of every type of the official client, by the type's name. */
export type ClientTypes = Readonly<Record<string, readonly ClientAttribute[]>>;

/**
 * Reads the types of @kubernetes/client-node. Loading that package takes about a second of processor time for its hundreds of modules, so with
 * `cacheDir` they are kept there as one file for each version of it; a file that cannot be read is made again.
 */
export async function readClientTypes(cacheDir?: string): Promise<ClientTypes> {
  const version = installedVersion();
  const file =
    cacheDir === undefined || version === undefined ? undefined : join(cacheDir, `kubernetes-types-${version}.json`);
  return (file === undefined ? undefined : kept(file)) ?? loaded(file);
}

function kept(file: string): ClientTypes | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ClientTypes;
  } catch {
    return undefined;
  }
}

async function loaded(file: string | undefined): Promise<ClientTypes> {
  const client = (await import('@kubernetes/client-node')) as unknown as Record<
    string,
    { getAttributeTypeMap?: () => ClientAttribute[] } | undefined
  >;
  const types: Record<string, ClientAttribute[]> = {};
  for (const [name, type] of Object.entries(client)) {
    const attributes = type?.getAttributeTypeMap?.();
    if (attributes) types[name] = attributes.map(({ baseName, type, format }) => ({ baseName, type, format }));
  }
  if (file !== undefined) {
    const temporary = `${file}.${process.pid}`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, JSON.stringify(types));
    renameSync(temporary, file);
  }
  return types;
}

/** The package does not let its package.json be imported, so it is looked for where modules are. */
function installedVersion(): string | undefined {
  for (const folder of module.paths) {
    try {
      const text = readFileSync(join(folder, '@kubernetes/client-node/package.json'), 'utf8');
      return (JSON.parse(text) as { version?: string }).version;
    } catch {
      continue;
    }
  }
  return undefined;
}
