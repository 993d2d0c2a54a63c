import assert from "node:assert/strict";
import { chooseSequences } from "./sequences.ts";

const always = () => true;
const never = () => false;

Deno.test("the most frequent neighbours are joined first, and grow up to the limit", () => {
  const block = { entries: 10, names: ["a", "b", "a", "b", "c"] };
  const rare = { entries: 1, names: ["c", "d"] };
  const choose = (count: number, length: number) =>
    chooseSequences([[block, rare]], never, always, { count, length });
  assert.deepEqual(choose(1, 4), [["a", "b"]]);
  assert.deepEqual(choose(2, 4), [["a", "b"], ["a", "b", "a", "b"]]);
  assert.deepEqual(choose(9, 2), [["a", "b"], ["c", "d"]]);
  assert.deepEqual(choose(9, 3), [["a", "b"], ["a", "b", "c"], ["c", "d"]]);
});

Deno.test("what leaves a block ends a sequence, and what may not stand in one breaks it", () => {
  const block = { entries: 5, names: ["a", "jump", "b", "helper", "c", "d"] };
  const found = chooseSequences([[block]], (name) => name === "jump", (name) => name !== "helper", {
    count: 9,
    length: 4,
  });
  assert.deepEqual(found.map((names) => names.join()).sort(), ["a,jump", "c,d"]);
});

Deno.test("profiles count alike, whatever they ran", () => {
  const long = { entries: 1_000_000, names: ["x", "y", "z", "z"] };
  const short = { entries: 10, names: ["a", "b"] };
  assert.deepEqual(chooseSequences([[long], [short]], never, always, { count: 1, length: 2 }), [["a", "b"]]);
});
