import assert from "node:assert/strict";
import { CoreDump } from "./core_dump.ts";
import { BASE, DATA_ADDRESS, PvMachine } from "./testing/pv_machine.ts";

function toolAt(name: string): boolean {
  try {
    return new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function output(name: string, ...args: string[]): { out: string; err: string } {
  const { stdout, stderr } = new Deno.Command(name, { args, stdin: "null" }).outputSync();
  return { out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** A domain that was stopped somewhere, with words in its data. */
function dumped(): { path: string; pages: number } {
  const guest = new PvMachine().domain({ frames: 300, owned: 200 });
  guest.data.setBigUint64(0, 0x1122334455667788n, true);
  guest.set("rbx", 0xfeedfacecafebeefn);
  guest.rip = BASE + 0x123n;
  const path = Deno.makeTempFileSync();
  const file = Deno.openSync(path, { write: true });
  for (const chunk of new CoreDump(guest.domain).chunks()) {
    for (let rest = chunk; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
  }
  file.close();
  return { path, pages: 200 };
}

Deno.test({
  name: "readelf finds Xen's sections and notes in a core",
  ignore: !toolAt("readelf"),
  fn() {
    const { path, pages } = dumped();
    const { out, err } = output("readelf", "-aW", path);
    Deno.removeSync(path);
    assert.equal(err, "");
    assert.match(out, /Type: +CORE/);
    assert.match(out, /\.note\.Xen +NOTE/);
    assert.match(out, /\.xen_prstatus +PROGBITS +0+ [0-9a-f]+ 001430 1430 /);
    assert.match(
      out,
      new RegExp(`\\.xen_p2m +PROGBITS +0+ [0-9a-f]+ ${(pages * 16).toString(16).padStart(6, "0")} 10 `),
    );
    assert.match(
      out,
      new RegExp(
        `\\.xen_pages +PROGBITS +0+ [0-9a-f]+ ${(pages * 4096).toString(16).padStart(6, "0")} 1000 `,
      ),
    );
    for (const type of ["02000000", "02000001", "02000002", "02000003"]) {
      assert.match(out, new RegExp(`Xen +0x[0-9a-f]+\\s+Unknown note type: \\(0x${type}\\)`));
    }
  },
});

Deno.test({
  name: "gdb reads registers and memory of a core by the guest's addresses",
  ignore: !toolAt("gdb"),
  fn() {
    const { path } = dumped();
    const commands = ["p/x $rbx", "p/x $rip", `x/gx 0x${DATA_ADDRESS.toString(16)}`, "info threads"];
    const { out } = output(
      "gdb",
      "-nx",
      "-batch",
      ...commands.flatMap((command) => ["-ex", command]),
      "-c",
      path,
    );
    Deno.removeSync(path);
    assert.match(out, /= 0xfeedfacecafebeef/);
    assert.match(out, new RegExp(`= 0x${(BASE + 0x123n).toString(16)}`));
    assert.match(out, /0x1122334455667788/);
    assert.match(out, /1 +(LWP|process|Thread) .*1/);
  },
});
