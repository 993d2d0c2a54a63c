import assert from "node:assert/strict";
import { v8Option } from "./v8_flags.ts";

Deno.test("deno.json's tasks run domains with the flags that xend has", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  for (const name of ["demo", "xenolith"]) {
    assert.ok(tasks[name].command.includes(` ${v8Option(false)} `), `${name}: ${tasks[name].command}`);
  }
});

Deno.test("bounds checks can be kept", () => {
  assert.equal(v8Option(true), v8Option(false).replace(",--no-wasm-bounds-checks", ""));
});
