import assert from "node:assert/strict";
import { ALL_CPUS, type Claim, fairShares, maskHas, maskMembers, maskOf } from "./credit.ts";

const claim = (weight: number, cpus: number[] | undefined = undefined, peak = 300, balance = 0): Claim => ({
  weight,
  peak,
  balance,
  cpus: cpus === undefined ? ALL_CPUS : maskOf(cpus),
});
const shares = (pcpus: number, ...claims: Claim[]) =>
  [...fairShares(claims, pcpus, 300)].map((share) => Math.round(share));

Deno.test("credits go by weight, as far as peaks and pins allow, and none are lost", () => {
  assert.deepEqual(shares(1), []);
  assert.deepEqual(shares(1, claim(256), claim(512)), [100, 200]);
  assert.deepEqual(shares(2, claim(256), claim(512), claim(768)), [100, 200, 300]);
  assert.deepEqual(shares(2, claim(256), claim(256), claim(10000)), [150, 150, 300], "no more than a pCPU");
  assert.deepEqual(shares(2, claim(1), claim(65535)), [300, 300], "enough for all");
  assert.deepEqual(
    shares(1, claim(256, undefined, 30), claim(256)),
    [30, 270],
    "a cap's rest goes to others",
  );
  assert.deepEqual(shares(2, claim(512, [0]), claim(256, [0])), [200, 100], "pinned ones compete");
  assert.deepEqual(shares(2, claim(512, [0]), claim(256, [0]), claim(256)), [200, 100, 300]);
  assert.deepEqual(shares(2, claim(256, [0]), claim(256), claim(256)), [200, 200, 200]);
  assert.deepEqual(shares(4, claim(256, [0, 1]), claim(256, [0, 1]), claim(256, [0, 1]), claim(256, [3])), [
    200,
    200,
    200,
    300,
  ]);
});

Deno.test("savings and debts that all rivals have are taken from them, by weight", () => {
  const [all, much] = [undefined, 600];
  assert.deepEqual(shares(1, claim(256, all, much, 100), claim(512, all, much, -100)), [100, 200]);
  assert.deepEqual(shares(1, claim(256, all, much, -150), claim(512, all, much, -150)), [200, 400]);
  assert.deepEqual(shares(1, claim(256, all, much, 90), claim(512, all, much, 60)), [50, 100]);
  assert.deepEqual(shares(1, claim(256, all, much, 900)), [-600]);
  assert.deepEqual(
    shares(1, claim(256, all, 30), claim(256, all, much, 90)),
    [30, 180],
    "not from a capped one",
  );
  const apart = [claim(256, [0], much, 200), claim(256, [0], much, 0), claim(256, [1], much, -200)];
  assert.deepEqual(shares(2, ...apart), [50, 50, 500], "each pCPU's apart");
});

Deno.test("masks hold pCPUs 0 to 63", () => {
  const mask = maskOf([0, 31, 32, 63]);
  assert.deepEqual(maskMembers(mask, 64), [0, 31, 32, 63]);
  assert.deepEqual(maskMembers(mask, 33), [0, 31, 32]);
  assert.ok(maskHas(mask.lo, mask.hi, 63) && !maskHas(mask.lo, mask.hi, 62));
  assert.throws(() => maskOf([64]), RangeError);
  assert.throws(() => maskOf([-1]), RangeError);
});
