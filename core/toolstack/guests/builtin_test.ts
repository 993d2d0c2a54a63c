import assert from "node:assert/strict";
import { parseKernel, planPv, pvPlacement } from "../../builder/mod.ts";
import { builtinGuest, pvKernel } from "./builtin.ts";

Deno.test("the built-in guest is a 64-bit PV kernel that fits into 8 MiB", () => {
  const image = builtinGuest("echo");
  assert.ok(image);
  const kernel = parseKernel(image);
  assert.deepEqual(kernel.modes, ["64-bit PV"]);
  planPv({ kernel }, 8 * 256);
  const { hypercallPage } = pvPlacement(kernel);
  assert.equal((hypercallPage ?? 1n) % 4096n, 0n);
  assert.equal(builtinGuest("nothing"), undefined);
  assert.equal(builtinGuest("toString"), undefined);
});

Deno.test("faults of a guest's text are told with their line", () => {
  assert.throws(() => pvKernel("bad", "entry:\n  frobnicate rax\n"), /line 2/);
  assert.throws(() => pvKernel("bad", "entry: ret\n"), /no label hypercall_page/);
});
