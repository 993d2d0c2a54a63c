import assert from "node:assert/strict";
import "./instructions/mod.ts";
import { cpuid, type CpuidState, defaultIdentity, features } from "./cpuid.ts";

const state: CpuidState = {
  identity: defaultIdentity,
  apicId: 3,
  processors: 4,
  osxsave: false,
  hypervisor: true,
  physicalBits: 40,
};
const text = (...words: number[]) =>
  words.map((word) => String.fromCharCode(word & 255, word >> 8 & 255, word >> 16 & 255, word >>> 24)).join(
    "",
  );

Deno.test("vendor, signature and brand are where AMD puts them", () => {
  const first = cpuid(0, 0, features(), state);
  assert.equal(text(first.ebx, first.edx, first.ecx), "AuthenticAMD");
  // Extended family 3 + 15 = 12h, model 1.
  assert.equal(cpuid(1, 0, features(), state).eax, 0x00300f10);
  const brand = [0x80000002, 0x80000003, 0x80000004].map((leaf) => {
    const { eax, ebx, ecx, edx } = cpuid(leaf, 0, features(), state);
    return text(eax, ebx, ecx, edx);
  }).join("");
  assert.equal(brand.replaceAll("\0", ""), defaultIdentity.brand);
});

Deno.test("features are those with descriptions", () => {
  const present = features();
  for (
    const name of [
      "sse",
      "sse2",
      "fxsr",
      "cx8",
      "cx16",
      "cmov",
      "popcnt",
      "movbe",
      "rdrand",
      "syscall",
      "lm",
      "nx",
    ]
  ) {
    assert.ok(present.has(name), name);
  }
  for (const name of ["avx", "bmi1"]) assert.ok(!present.has(name), name);
  const { ecx, edx } = cpuid(1, 0, present, state);
  assert.equal(edx >>> 25 & 3, 3);
  assert.equal(ecx >>> 31, 1);
  assert.equal(cpuid(0x80000001, 0, present, state).edx >>> 29 & 1, 1);
});

Deno.test("a feature that is taken away is not shown, nor is what repeats it", () => {
  const without = new Set(features());
  without.delete("fxsr");
  assert.equal(cpuid(1, 0, without, state).edx >> 24 & 1, 0);
  assert.equal(cpuid(0x80000001, 0, without, state).edx >> 24 & 1, 0);
});

Deno.test("leaf D tells of the components that XSAVE has", () => {
  assert.deepEqual(cpuid(13, 0, features(), state), { eax: 3, ebx: 576, ecx: 576, edx: 0 });
  assert.equal(cpuid(13, 1, features(), state).eax, 1);
  assert.equal(cpuid(13, 2, features(), state).eax, 0);
  const without = new Set(features());
  without.delete("xsave");
  assert.equal(cpuid(13, 0, without, state).eax, 0);
});

Deno.test("leaves beyond the last are zero", () => {
  for (const leaf of [8, 0x0e, 0x40000000, 0x80000009, 0xffffffff]) {
    assert.deepEqual(cpuid(leaf, 0, features(), state), { eax: 0, ebx: 0, ecx: 0, edx: 0 });
  }
});
