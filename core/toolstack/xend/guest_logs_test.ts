import assert from "node:assert/strict";
import { join } from "node:path";
import { GuestLogs } from "./guest_logs.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("each domain's output in a file of its name, appended, as it came", async () => {
  const folder = await Deno.makeTempDir();
  const logs = new GuestLogs(folder, { warning: (line) => assert.fail(line) });
  const web = { uuid: "1", name: "web" }, odd = { uuid: "2", name: "../a%b" };
  logs.write(web, bytes("one\r\n"));
  logs.write(odd, bytes("\x1b[0m"));
  logs.write(web, new Uint8Array([0xff, 0]));
  logs.close("1");
  logs.write(web, bytes("again"));
  for (const uuid of ["1", "2", "3"]) logs.close(uuid);
  const read = (name: string) => Deno.readFile(join(folder, "console", name));
  assert.deepEqual(
    await read("guest-web.log"),
    new Uint8Array([...bytes("one\r\n"), 0xff, 0, ...bytes("again")]),
  );
  assert.deepEqual(await read("guest-..%2Fa%25b.log"), bytes("\x1b[0m"));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a log that cannot be written is told of once, and given up", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(join(folder, "console"), "a file is here");
  const said: string[] = [];
  const logs = new GuestLogs(folder, { warning: (line) => void said.push(line) });
  for (let count = 0; count < 3; count++) logs.write({ uuid: "1", name: "web" }, bytes("x"));
  assert.equal(said.length, 2);
  assert.match(said[0], /^every domain: /);
  assert.match(said[1], /^web: its console is not logged any more: /);
  // A full disk.
  await Deno.remove(join(folder, "console"));
  await Deno.mkdir(join(folder, "console"));
  await Deno.symlink("/dev/full", join(folder, "console", "guest-full.log"));
  for (let count = 0; count < 3; count++) logs.write({ uuid: "2", name: "full" }, bytes("x"));
  assert.equal(said.length, 3);
  assert.match(said[2], /^full: .*No space left/);
  logs.close("2");
  await Deno.remove(folder, { recursive: true });
});
