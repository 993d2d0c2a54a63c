import assert from "node:assert/strict";
import { parseKernel, pvPlacement } from "../../builder/mod.ts";
import { builtinGuest, pvKernel } from "./builtin.ts";

Deno.test("the built-in guest is a 64-bit PV kernel like any other", () => {
  const image = builtinGuest("echo");
  assert.ok(image);
  const kernel = parseKernel(image);
  assert.deepEqual(kernel.modes, ["64-bit PV"]);
  const { entry, hypercallPage, virtBase } = pvPlacement(kernel);
  assert.equal(entry, virtBase);
  assert.equal(hypercallPage! % 4096n, 0n);
  assert.equal(builtinGuest("nobody"), undefined);
});

Deno.test("a kernel's text must name its entry and its hypercall page", () => {
  assert.throws(() => pvKernel("small", "entry: hlt"), /no label hypercall_page/);
});
