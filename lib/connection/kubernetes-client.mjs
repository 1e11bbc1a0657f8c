/**
 * The parts of the Kubernetes client that we use. The library is ESM, which CommonJS reaches by a dynamic import only,
 * and of a dynamic import the bundler keeps everything: naming the parts halves the bundle of SyncK8sConfigMap. Plain
 * JavaScript with a declaration beside it, so that Node, tsx and esbuild all find it under the same name.
 */
export { AppsV1Api, BatchV1Api, CoreV1Api, KubeConfig, Observable } from '@kubernetes/client-node';
