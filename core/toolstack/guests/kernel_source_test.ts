import assert from "node:assert/strict";
import { parseKernelSource, SourceError } from "./kernel_source.ts";

Deno.test("debian: takes a suite, a series and a flavour", () => {
  const choice = (text: string) => {
    const source = parseKernelSource(text);
    assert.equal(source.kind, "debian");
    return source.kind === "debian" ? source.choice : undefined;
  };
  assert.deepEqual(choice("debian:cloud"), { flavour: "cloud", series: undefined, suite: undefined });
  assert.deepEqual(choice("debian:6.12-rt"), { flavour: "rt", series: "6.12", suite: undefined });
  assert.deepEqual(choice("debian:sid/full"), { flavour: "full", series: undefined, suite: "sid" });
  assert.deepEqual(choice("debian:bookworm-backports/6.12-cloud"), {
    flavour: "cloud",
    series: "6.12",
    suite: "bookworm-backports",
  });
});

Deno.test("sources of the wrong shape are refused", () => {
  for (const text of ["debian:", "debian:tiny", "debian:../cloud", "debian:a/b/cloud", "debian:/cloud"]) {
    assert.throws(() => parseKernelSource(text), SourceError, text);
  }
  for (const text of ["apt:one", "apt:one:../x", "initramfs:other"]) {
    assert.throws(() => parseKernelSource(text), SourceError, text);
  }
});
