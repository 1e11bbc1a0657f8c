import type { TaskResult } from '../agent/task-result';

export interface GraphNode {
  name: string;
  dependsOn: string[];
}

/** What has happened so far to the nodes that one depends on. */
export interface Before<R> {
  /** Direct dependencies by name as written in the node. */
  direct: Map<string, R>;
  /** All that come before, direct or not. */
  all: R[];
}

/**
 * Runs every node after those that it depends on, the others beside one another. `run` decides by itself whether a node is skipped.
 * The nodes form no circle (checked when the pipeline was read). Rejects as soon as a node's run does.
 */
export async function runGraph<N extends GraphNode, R extends { result: TaskResult }>(
  nodes: N[],
  run: (node: N, before: Before<R>) => Promise<R>,
): Promise<R[]> {
  const byName = new Map(nodes.map(node => [node.name.toLowerCase(), node]));
  const started = new Map<N, Promise<R>>();
  const dependenciesOf = (node: N): N[] =>
    node.dependsOn.map(name => byName.get(name.toLowerCase())).filter(found => found !== undefined);
  const ancestorsOf = (node: N): Set<N> => {
    const found = new Set<N>();
    for (const dependency of dependenciesOf(node)) {
      found.add(dependency);
      for (const ancestor of ancestorsOf(dependency)) found.add(ancestor);
    }
    return found;
  };
  const start = (node: N): Promise<R> => {
    const known = started.get(node);
    if (known) return known;
    const promise = (async () => {
      const ancestors = [...ancestorsOf(node)];
      const all = await Promise.all(ancestors.map(start));
      const results = new Map(ancestors.map((ancestor, index) => [ancestor, all[index]]));
      const direct = new Map<string, R>();
      for (const dependency of dependenciesOf(node)) {
        const result = results.get(dependency);
        if (result !== undefined) direct.set(dependency.name, result);
      }
      return run(node, { direct, all });
    })();
    started.set(node, promise);
    return promise;
  };
  return Promise.all(nodes.map(start));
}
