import assert from "node:assert/strict";
import { join } from "node:path";
import { XendLog } from "./log.ts";

async function inFolder(test: (folder: string) => void) {
  const folder = await Deno.makeTempDir();
  try {
    test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("lines have xm's format and stay one message", () =>
  inFolder((folder) => {
    const path = join(folder, "xend.log");
    using log = new XendLog({ path });
    log.info("hello");
    log.error("guest said \x1b[2J\x07\nsecond");
    const [first, second, third] = Deno.readTextFileSync(path).split("\n");
    assert.match(first, /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+\] INFO \(log_test:\d+\) hello$/);
    assert.match(second, /ERROR \(log_test:\d+\) guest said \?\[2J\?$/);
    assert.equal(third, "    second");
  }));

Deno.test("the log is rotated at its size and five old files are kept", () =>
  inFolder((folder) => {
    const path = join(folder, "xend.log");
    using log = new XendLog({ path, rotateBytes: 1000 });
    for (let i = 0; i < 200; i++) log.info(`line ${i} ${"x".repeat(50)}`);
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assert.deepEqual(files, ["xend.log", ...[1, 2, 3, 4, 5].map((number) => `xend.log.${number}`)]);
    for (const name of files) assert(Deno.statSync(join(folder, name)).size <= 1000);
    assert.match(Deno.readTextFileSync(path), /line 199 /);
    // A xend that starts with a full log rotates it at once.
    Deno.writeTextFileSync(path, "x".repeat(2000));
    using other = new XendLog({ path, rotateBytes: 1000 });
    other.info("fresh");
    assert.match(Deno.readTextFileSync(path), /^\[.*fresh\n$/);
  }));

Deno.test("a log that cannot be written harms nobody and tells of it once it can", () =>
  inFolder((folder) => {
    const path = join(folder, "gone", "xend.log");
    using log = new XendLog({ path });
    log.info("one");
    log.info("two");
    assert.equal(log.lost, 2);
    assert.equal(log.lines().length, 2);
    Deno.mkdirSync(join(folder, "gone"));
    log.info("three");
    assert.equal(log.lost, 0);
    const text = Deno.readTextFileSync(path);
    assert.match(text, /ERROR \(log:0\) 2 lines could not be written\n.*three\n$/);
  }));

Deno.test("a full disk: /dev/full takes no line, xend goes on", { ignore: Deno.build.os !== "linux" }, () => {
  using log = new XendLog({ path: "/dev/full" });
  for (let i = 0; i < 100; i++) log.info("line");
  assert.equal(log.lost, 100);
  assert.equal(log.lines().length, 100);
});
