import assert from "node:assert/strict";
import fc from "fast-check";
import { readDomainConfig } from "../config/mod.ts";
import { configText } from "./config_text.ts";

/** What the configuration language reads of keys that were written. */
function commandLineOf(extra: string): string {
  const text = configText({ name: "guest", kernel: "/k", memory: 32, extra });
  return readDomainConfig({ name: "keys", text }, []).config.cmdline;
}

Deno.test("keys are written as a configuration file says them", () => {
  assert.equal(
    configText({
      name: "g",
      memory: 32,
      vif: ["mac=00:16:3e:00:00:01", ""],
      nested: [[1, true]],
      none: undefined,
    }),
    'name = "g"\nmemory = 32\nvif = [ "mac=00:16:3e:00:00:01", "" ]\nnested = [ [ 1, 1 ] ]\n',
  );
});

Deno.test("any line of text comes back as it was given", () => {
  for (const text of ['"', "\\", "'", "\\n", '\\"', "%s", "# no comment", "$HOME", "ä", "tab\there"]) {
    assert.equal(commandLineOf(text), text);
  }
  const line = fc.string({ unit: "grapheme", maxLength: 60 }).filter((text) => !/[\0\n\r]/.test(text));
  fc.assert(fc.property(line, (text) => commandLineOf(text) === text), { numRuns: 300, seed: 4 });
});

Deno.test("what a configuration cannot say is refused", () => {
  assert.throws(() => configText({ name: "two\nlines" }), TypeError);
  assert.throws(() => configText({ name: "null\0" }), TypeError);
  assert.throws(() => configText({ name: "g", memory: 1.5 }), /memory: 1.5 is not a whole number/);
  assert.throws(() => configText({ name: "g", 'x = 1\nkernel = "': 1 }), TypeError);
  assert.throws(() => configText({ name: "g", Memory: 1 }), TypeError);
});
