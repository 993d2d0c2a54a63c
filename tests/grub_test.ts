/** GRUB for Xen, Debian's own build, as a user meets it. */
import assert from "node:assert/strict";
import { guestTest } from "./guests.ts";
import { Session } from "./session.ts";

guestTest("GRUB reaches its prompt, answers help and ls, and halts with exit code 0", ["grub"], async () => {
  await using session = new Session(["create", "-c", "-q", "configs/grub.cfg"]);
  await session.expect(/Welcome to GRUB!/);
  await session.expect(/grub> /);
  await session.send("help\r");
  await session.expect(/halt/);
  // help is longer than a screen: GRUB asks to go on.
  await session.send(" ".repeat(20));
  await session.expect(/grub> /);
  await session.send("ls\r");
  await session.expect(/grub> /);
  await session.send("echo $grub_cpu-$grub_platform\r");
  await session.expect(/x86_64-xen/);
  await session.send("halt\r");
  const { code, stderr } = await session.finish();
  assert.equal(code, 0, stderr);
});

guestTest("a demo can be GRUB at its prompt; a closed input does not end it", ["grub"], async () => {
  await using session = new Session(["demo", "--guest", "grub"]);
  await session.expect(/grub> /);
  await session.send("halt\r");
  await session.closeInput();
  const { code, stderr } = await session.finish();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /grub powered off/);
});
