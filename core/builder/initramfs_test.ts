import assert from "node:assert/strict";
import { type InitramfsEntry, makeInitramfs } from "./initramfs.ts";

interface Member {
  readonly mode: number;
  readonly nlink: number;
  readonly rdev: readonly [number, number];
  readonly data: string;
}

/** Reads a newc archive as the kernel's unpacker does. */
function members(archive: Uint8Array): Map<string, Member> {
  const text = new TextDecoder("latin1").decode(archive);
  const found = new Map<string, Member>();
  for (let at = 0;;) {
    assert.equal(text.slice(at, at + 6), "070701");
    const fields = Array.from(
      { length: 13 },
      (_, i) => parseInt(text.slice(at + 6 + 8 * i, at + 14 + 8 * i), 16),
    );
    const [, mode, , , nlink, , size, , , major, minor, nameSize] = fields;
    const name = text.slice(at + 110, at + 110 + nameSize - 1);
    assert.equal(text[at + 110 + nameSize - 1], "\0");
    const dataAt = (at + 110 + nameSize + 3) & ~3;
    at = (dataAt + size + 3) & ~3;
    if (name === "TRAILER!!!") {
      assert.equal(at, archive.length);
      return found;
    }
    found.set(name, { mode, nlink, rdev: [major, minor], data: text.slice(dataAt, dataAt + size) });
  }
}

Deno.test("an archive holds files, directories, links and devices", () => {
  const entries: InitramfsEntry[] = [
    { kind: "directory", path: "bin" },
    { kind: "file", path: "bin/a", data: Uint8Array.of(1, 2, 3, 4, 5), mode: 0o755 },
    { kind: "file", path: "init", data: "#!/bin/a\n" },
    { kind: "link", path: "bin/b", target: "a" },
    { kind: "character device", path: "console", major: 5, minor: 1 },
    { kind: "block device", path: "xvda", major: 202, minor: 0, mode: 0o660 },
  ];
  const found = members(makeInitramfs(entries));
  assert.deepEqual([...found.keys()], entries.map(({ path }) => path));
  assert.deepEqual(found.get("bin"), { mode: 0o040755, nlink: 2, rdev: [0, 0], data: "" });
  assert.deepEqual(found.get("bin/a"), {
    mode: 0o100755,
    nlink: 1,
    rdev: [0, 0],
    data: "\x01\x02\x03\x04\x05",
  });
  assert.equal(found.get("init")?.mode, 0o100644);
  assert.deepEqual(found.get("bin/b"), { mode: 0o120777, nlink: 1, rdev: [0, 0], data: "a" });
  assert.deepEqual(found.get("console"), { mode: 0o020600, nlink: 1, rdev: [5, 1], data: "" });
  assert.deepEqual(found.get("xvda")?.rdev, [202, 0]);
  assert.deepEqual(makeInitramfs(entries), makeInitramfs(entries));
});

Deno.test("paths that the kernel would not understand are refused", () => {
  for (const path of ["", "/init"]) {
    assert.throws(() => makeInitramfs([{ kind: "directory", path }]), RangeError);
  }
});
