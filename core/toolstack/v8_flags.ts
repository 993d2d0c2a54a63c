/** V8's flags of a process that runs domains. */

/** Set to 1: V8 keeps its bounds checks (see UNCHECKED). The executable's script reads it too. */
export const CHECKS_VARIABLE = "XENOLITH_BOUNDS_CHECKS";

/**
 * Every index leads into the domain's own address space without them (core/hypervisor/guarded_memory.ts), and a boot takes a quarter less. With them a bug
 * of the VMM that meets memory which does not exist ends one domain; without, the process.
 */
const UNCHECKED = "--no-wasm-bounds-checks";

/** deno.json's tasks say the same. */
const V8_FLAGS: readonly string[] = [
  // V8 counts a domain's whole memory against its heap's limit and slows down beyond it (core/hypervisor/memory_pool.ts).
  "--max-old-space-size=200000",
  UNCHECKED,
  // Most of the interpreter's 6,000 handlers never run.
  "--wasm-lazy-compilation",
];

/** The option of `deno run` that sets them. */
export function v8Option(checked: boolean): string {
  return `--v8-flags=${V8_FLAGS.filter((flag) => !checked || flag !== UNCHECKED).join(",")}`;
}

/** As the environment wants it. */
export function wantsChecks(): boolean {
  return Deno.env.get(CHECKS_VARIABLE) === "1";
}
