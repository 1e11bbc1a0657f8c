import { ArmError } from './arm-error';

/**
 * The versions of Azure ML's control plane from 2022-10-01 on, and older and preview ones that official clients still send.
 * https://github.com/Azure/azure-rest-api-specs/tree/main/specification/machinelearningservices/resource-manager
 */
const machineLearning = new Set([
  ...['2021-10-01', '2022-05-01', '2022-10-01', '2023-04-01', '2023-10-01', '2024-04-01', '2024-10-01'],
  ...['2025-06-01', '2025-09-01', '2025-12-01'],
  // What azure-ai-ml speaks to registries.
  '2021-10-01-dataplanepreview',
  ...['2022-01-01', '2022-02-01', '2022-06-01', '2022-10-01', '2022-12-01', '2023-02-01', '2023-04-01'].map(preview),
  ...['2023-06-01', '2023-08-01', '2024-01-01', '2024-04-01', '2024-05-01', '2024-07-01', '2024-10-01'].map(preview),
  ...['2025-01-01', '2025-04-01', '2025-07-01', '2025-10-01', '2026-05-01'].map(preview),
]);

function preview(date: string): string {
  return `${date}-preview`;
}

/**
 * Refuses a request without an api-version, or with one that the provider of its resource does not have. Of other providers only the form
 * is looked at: each has versions of its own, and no client sends wrong ones.
 * @throws ArmError 400
 */
export function requireApiVersion(path: string, version: string | undefined, region: string): void {
  if (version === undefined || version === '') {
    throw new ArmError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  if (!/^\d{4}-\d{2}-\d{2}(-\w+)?$/.test(version))
    throw new ArmError(400, 'InvalidApiVersionParameter', `The api-version '${version}' is invalid.`);
  // What stands below Azure ML's resources may be another provider's, as Microsoft.Insights' metrics are.
  const provider = path.split(/\/providers\//i).at(-1) ?? '';
  const [name = '', ...parts] = provider.split('/');
  if (name.toLowerCase() !== 'microsoft.machinelearningservices' || machineLearning.has(version)) return;
  const type = parts.filter((_part, index) => index % 2 === 0).join('/');
  throw new ArmError(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${region}' and API version '${version}' for type '${type}'. The supported api-versions are '${[...machineLearning].sort().join(', ')}'. The supported locations are '${region}'.`,
  );
}
