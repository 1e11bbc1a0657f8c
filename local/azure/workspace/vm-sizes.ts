/** A size of virtual machine, with the figures that Azure publishes. https://learn.microsoft.com/azure/virtual-machines/sizes/overview */
export interface VmSize {
  name: string;
  /** Under which the subscription's cores are counted. */
  family: string;
  cores: number;
  memoryGb: number;
  gpus: number;
  /** Of the temporary disk. */
  diskMb: number;
}

const size = (name: string, family: string, cores: number, memoryGb: number, diskGb: number, gpus = 0): VmSize => ({
  name: `Standard_${name}`,
  family: `standard${family}Family`,
  cores,
  memoryGb,
  gpus,
  diskMb: diskGb * 1024,
});

/** Sizes that Azure ML's documentation uses for clusters and for online deployments. */
export const vmSizes: readonly VmSize[] = [
  size('DS1_v2', 'DSv2', 1, 3.5, 7),
  size('DS2_v2', 'DSv2', 2, 7, 14),
  size('DS3_v2', 'DSv2', 4, 14, 28),
  size('DS4_v2', 'DSv2', 8, 28, 56),
  size('DS5_v2', 'DSv2', 16, 56, 112),
  size('D2as_v4', 'DASv4', 2, 8, 16),
  size('D4as_v4', 'DASv4', 4, 16, 32),
  size('D8as_v4', 'DASv4', 8, 32, 64),
  size('E2s_v3', 'ESv3', 2, 16, 32),
  size('E4s_v3', 'ESv3', 4, 32, 64),
  size('E8s_v3', 'ESv3', 8, 64, 128),
  size('F2s_v2', 'FSv2', 2, 4, 16),
  size('F4s_v2', 'FSv2', 4, 8, 32),
  size('F8s_v2', 'FSv2', 8, 16, 64),
  size('F16s_v2', 'FSv2', 16, 32, 128),
  size('NC4as_T4_v3', 'NCASv3_T4', 4, 28, 176, 1),
  size('NC6s_v3', 'NCSv3', 6, 112, 736, 1),
  size('NC24ads_A100_v4', 'NCADSA100v4', 24, 220, 64, 1),
];

export function vmSize(name: string): VmSize | undefined {
  return vmSizes.find(known => known.name.toLowerCase() === name.toLowerCase());
}

export const families = [...new Set(vmSizes.map(({ family }) => family))];

/** How lists of usages and quotas call a family. */
export function familyName(family: string): string {
  return `${family.replace(/^s/, 'S').replace(/Family$/, '')} Family Cluster Dedicated vCPUs`;
}
