/** What happens to the objects that a deleted one owns. */
export type Propagation = 'Background' | 'Foreground' | 'Orphan';

/** Keeps an object until what it owns is gone. */
export const foregroundFinalizer = 'foregroundDeletion';
/** Keeps an object until what it owned has been let go. */
export const orphanFinalizer = 'orphan';

/** The finalizer that makes the garbage collector do it. In the background nothing has to be waited for. */
export function finalizerOf(propagation: Propagation | undefined): string | undefined {
  return propagation === 'Foreground' ? foregroundFinalizer : propagation === 'Orphan' ? orphanFinalizer : undefined;
}
