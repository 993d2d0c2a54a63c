import assert from "node:assert/strict";
import fc from "fast-check";
import { NameMap } from "./name_map.ts";

Deno.test("a persistent map behaves as Map does, and its older versions stay as they were", () => {
  const operation = fc.record({ name: fc.integer({ min: 0, max: 60 }), set: fc.boolean(), value: fc.nat() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const model = new Map<string, number>();
      let map = NameMap.empty<number>();
      const versions: [NameMap<number>, [string, number][]][] = [];
      for (const { name, set, value } of operations) {
        const key = `n${name}`;
        if (set) model.set(key, value);
        else model.delete(key);
        map = set ? map.set(key, value) : map.delete(key);
        assert.equal(map.get(key), model.get(key));
        versions.push([map, [...model]]);
      }
      for (const [version, entries] of versions) {
        assert.deepEqual(version.entries().map(({ name, value }) => [name, value]), entries);
        assert.equal(version.size, entries.length);
        assert.equal(version.nameBytes, entries.reduce((sum, [name]) => sum + name.length + 1, 0));
      }
    }),
    { seed: 4, numRuns: 200 },
  );
});

Deno.test("a directory of 20,000 names is written name by name without copies", () => {
  let map = NameMap.empty<number>();
  const start = performance.now();
  for (let i = 0; i < 20_000; i++) map = map.set(`entry-${i}`, i);
  for (let i = 0; i < 20_000; i += 2) map = map.delete(`entry-${i}`);
  assert.equal(map.size, 10_000);
  assert.equal(map.names()[7], "entry-15");
  // A copy each would be 400 million entries.
  assert.ok(performance.now() - start < 5000, `${performance.now() - start} ms`);
});
