import assert from "node:assert/strict";
import { appletNames, makeBusyboxInitramfs } from "./busybox.ts";
import { FetchError } from "./apt.ts";

const names = ["[", "[[", "ash", "busybox", "cat", "sh"];
const busybox = new TextEncoder().encode(`\x7fELF...\0${names.join("\0")}\0\0more`);

Deno.test("the applets of a busybox are read from its table", () => {
  assert.deepEqual(appletNames(busybox), names);
  assert.throws(() => appletNames(new Uint8Array(100)), FetchError);
});

Deno.test("the initramfs has a link for each applet, an init and what is put in its place", () => {
  const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  const plain = text(makeBusyboxInitramfs(busybox));
  for (const name of ["ash", "cat", "sh", "[["]) {
    assert.match(plain, new RegExp(`bin/${name.replaceAll("[", "\\[")}\0`));
  }
  assert.equal(plain.split("bin/busybox\0").length, 2);
  assert.match(plain, /#!\/bin\/sh\n[^]*exec init\n/);
  const own = text(makeBusyboxInitramfs(busybox, {
    modules: [{ name: "xen-netfront.ko", data: Uint8Array.of(1) }],
    extra: [{ kind: "file", path: "init", data: "#!/bin/cat\n", mode: 0o755 }],
  }));
  assert.match(own, /lib\/modules\/xen-netfront\.ko\0/);
  assert.match(own, /#!\/bin\/cat\n/);
  assert.doesNotMatch(own, /exec init/);
});
