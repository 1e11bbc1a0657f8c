/** One thing that is not as it should be. */
export interface Difference {
  what: string;
  is: string;
  wanted: string;
  /** Makes it so; absent where AWS does not let it be changed. */
  fix?: () => Promise<void>;
}

export interface Resource {
  /** For people: `queue guardian-video-processing`. */
  name: string;
  exists: () => Promise<boolean>;
  create: () => Promise<void>;
  /** Reads what is there; called only where it exists. */
  differences: () => Promise<Difference[]>;
}

export interface SetupLine {
  resource: string;
  action: 'unchanged' | 'created' | 'would create' | 'changed' | 'would change' | 'differs';
  detail?: string;
}

/**
 * Makes each resource as wanted, in order. What is there already is kept; what differs is changed where AWS allows it, else reported.
 * @param plan say what would be done, and do nothing
 */
export async function setUp(
  resources: Resource[],
  plan: boolean,
  say: (line: SetupLine) => void,
): Promise<SetupLine[]> {
  const lines: SetupLine[] = [];
  const add = (line: SetupLine): void => {
    lines.push(line);
    say(line);
  };
  for (const resource of resources) {
    if (!(await resource.exists())) {
      if (plan) {
        add({ resource: resource.name, action: 'would create' });
        continue;
      }
      await resource.create();
      add({ resource: resource.name, action: 'created' });
      // What is set apart from the creation, such as a table's time to live, is a difference of the new resource.
      for (const { what, fix } of await resource.differences()) {
        if (!fix) throw new Error(`${resource.name} was created, but its ${what} is not as asked.`);
        await fix();
      }
      continue;
    }
    const differences = await resource.differences();
    if (differences.length === 0) add({ resource: resource.name, action: 'unchanged' });
    for (const { what, is, wanted, fix } of differences) {
      if (fix && !plan) await fix();
      const action = !fix ? 'differs' : plan ? 'would change' : 'changed';
      add({ resource: resource.name, action, detail: `${what}: is ${is}, wanted ${wanted}` });
    }
  }
  return lines;
}

/** JSON with sorted keys: equal for equal content. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => a.localeCompare(b)))
      : item,
  );
}

/** Whether the resource that the call reads is there. Anything but "not found" is thrown. */
export async function found(read: () => Promise<unknown>): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    if ($metadata?.httpStatusCode === 404 || /NotFound|NoSuch|NonExistent|DoesNotExist/.test(name)) return false;
    throw error;
  }
}
