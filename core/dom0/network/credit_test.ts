import assert from "node:assert/strict";
import { Credit } from "./credit.ts";

Deno.test("credit comes by the interval", () => {
  let now = 1000;
  const credit = new Credit({ bytes: 3000, usecs: 50_000 }, () => now);
  assert.equal(credit.spend(1500), 0);
  assert.equal(credit.spend(1500), 0);
  assert.equal(credit.spend(1), 50);
  now = 1020;
  assert.equal(credit.spend(1), 30);
  now = 1050;
  assert.equal(credit.spend(3000), 0);
  assert.equal(credit.spend(1), 50);
  // A timer that came late: of two intervals and a bit.
  now = 1165;
  assert.equal(credit.spend(6000), 0);
  assert.equal(credit.spend(1), 35);
});

Deno.test("a frame larger than an interval's credit is saved up for", () => {
  let now = 0;
  const credit = new Credit({ bytes: 1000, usecs: 1000 }, () => now);
  while (credit.spend(65535) > 0) now++;
  assert.equal(now, 65);
});

Deno.test("idle time saves one interval's credit", () => {
  let now = 0;
  const credit = new Credit({ bytes: 1000, usecs: 1000 }, () => now);
  now = 1e6;
  assert.equal(credit.spend(2000), 0);
  assert.equal(credit.spend(1), 1);
  assert.throws(() => new Credit({ bytes: 0, usecs: 1 }, () => now), RangeError);
});
