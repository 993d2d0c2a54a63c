/** Where the scripts of workers are. */

/**
 * From sources a worker's script lies in this tree; a bundle (tools/compile) has it compiled, at the same path from its
 * chunks' folder.
 * @param self import.meta.url of whoever starts the worker
 * @param source path of that module in the tree
 * @param script path of the worker's script in the tree; an entry of the bundle
 */
export function workerScript(self: string, source: string, script: string): URL {
  return self.endsWith(`/${source}`)
    ? new URL(script, self.slice(0, -source.length))
    : new URL(`./${script.replace(/\.ts$/, ".js")}`, self);
}
