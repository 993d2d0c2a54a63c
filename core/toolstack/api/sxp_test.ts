import assert from "node:assert/strict";
import { readDomainConfig } from "../config/mod.ts";
import { fileOfSxp } from "./legacy_config.ts";
import { formatSxp, parseSxp, SxpError } from "./sxp.ts";

Deno.test("S-expressions are written and read", () => {
  const value = ["domain", ["name", 'a "b" \\ c\n'], ["memory", "64"], [], ["none", ""]];
  const text = formatSxp(value);
  assert.equal(text, '(domain (name "a \\"b\\" \\\\ c\\n") (memory 64) () (none ""))');
  assert.deepEqual(parseSxp(text), value);
  assert.deepEqual(parseSxp(" ( a 'b c' )\n"), ["a", "b c"]);
  assert.equal(formatSxp([1.5, true, false, undefined]), "(1.5 1 0 None)");
  for (const wrong of ["", "(", ")", "(a", "a b", '("x', "(a))", "(".repeat(60)]) {
    assert.throws(() => parseSxp(wrong), SxpError, wrong);
  }
});

Deno.test("an old client's configuration is a configuration file", () => {
  const file = fileOfSxp(
    '(vm (name old) (memory 64) (maxmem 128) (vcpus 2) (on_crash restart) (image (linux (kernel /boot/vmlinuz) (root "/dev/xvda1 ro") (args "quiet \\"x\\""))))',
  );
  const { config } = readDomainConfig({ name: "x", text: file });
  assert.deepEqual(
    [
      config.name,
      config.memoryMiB,
      config.maxMemoryMiB,
      config.vcpus,
      config.kernel,
      config.cmdline,
      config.onCrash,
    ],
    ["old", 64, 128, 2, "/boot/vmlinuz", 'root=/dev/xvda1 ro quiet "x"', "restart"],
  );
  const withDevices = fileOfSxp(
    "(vm (name d) (image (linux (kernel k))) (device (vbd (uname file:/x.img) (dev xvda1:disk) (mode w))) (device (vif (mac 00:16:3e:00:00:01) (bridge br0))))",
  );
  assert.match(withDevices, /^disk = \["file:\/x\.img,xvda1,w"\]$/m);
  assert.match(withDevices, /^vif = \["mac=00:16:3e:00:00:01, bridge=br0"\]$/m);
  for (const wrong of ["(vm (name x))", "nonsense", "(vm", "(vm (image (hvm)))"]) {
    assert.throws(() => fileOfSxp(wrong), { code: "bad-config" });
  }
});
