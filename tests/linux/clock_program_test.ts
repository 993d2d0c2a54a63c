import assert from "node:assert/strict";
import { clockProgram, CLOCKS, parseClockLine } from "./clock_program.ts";

Deno.test("lines of the clock program are told from others", () => {
  const digits = (value: number) => ` ${value.toString(16).padStart(16, "0")}`;
  assert.deepEqual(parseClockLine(`T${digits(1)}${digits(2)}${digits(3)}\r`), {
    kind: "time",
    tsc: 1,
    monotonic: 2,
    realtime: 3n,
  });
  const report = parseClockLine(`R${digits(9)}${CLOCKS.map((_, i) => digits(10 + i) + digits(i)).join("")}`);
  assert.equal(report?.kind, "report");
  assert.equal(report.handovers, 9);
  assert.deepEqual(report.clocks[3], { name: CLOCKS[3], readings: 13, backwards: 3 });
  for (const text of ["", "T", "[    0.1] T 0000000000000001", "T 1 2 3"]) {
    assert.equal(parseClockLine(text), undefined, text);
  }
});

Deno.test({
  name: "the clock program runs natively, and clocks of the kernel's do not run backwards there",
  ignore: Deno.build.os !== "linux" || Deno.build.arch !== "x86_64" || navigator.hardwareConcurrency < 2,
  fn: async () => {
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeFile(path, clockProgram(1), { mode: 0o755 });
      const { code, stdout } = await new Deno.Command(path).output();
      assert.equal(code, 0);
      const lines = new TextDecoder().decode(stdout).trim().split("\n").map(parseClockLine);
      const report = lines.at(-1);
      assert.ok(lines.filter((line) => line?.kind === "time").length > 10);
      assert.equal(report?.kind, "report");
      assert.ok(report.clocks.every(({ readings }) => readings > 1000));
      // RDTSC alone does not wait for loads before it.
      assert.deepEqual(report.clocks.slice(1).map(({ backwards }) => backwards), [0, 0, 0, 0]);
    } finally {
      await Deno.remove(path);
    }
  },
});
