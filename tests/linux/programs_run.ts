/**
 * The same programs of Debian's natively and in a guest. As a script: `programs_run.ts FOLDER` writes native.txt and
 * guest.txt for another program to compare.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeBusyboxInitramfs } from "../../core/toolstack/guests/busybox.ts";
import { Session } from "../session.ts";
import { BEGIN, END, nativeOutput, userland, userlandEntries } from "./userland.ts";

const SECONDS = 360;

export interface ProgramsRun {
  readonly native: string;
  readonly guest: string;
  /** The guest's standard error. */
  readonly errors: string;
}

/** @throws AssertionError when the guest does not come to the programs or does not power off after them */
export async function runPrograms(): Promise<ProgramsRun> {
  const folder = await Deno.makeTempDir();
  try {
    const programs = await userland();
    const native = await nativeOutput(programs);
    const ramdisk = join(folder, "initramfs");
    await Deno.writeFile(
      ramdisk,
      makeBusyboxInitramfs(programs.busybox, { extra: userlandEntries(programs) }),
    );
    await using session = new Session([
      "create",
      "-c",
      "-q",
      "configs/debian-shell.cfg",
      `ramdisk=${ramdisk}`,
    ]);
    const { code, stdout, stderr } = await session.finish(SECONDS);
    assert.equal(code, 0, stderr);
    const begin = stdout.indexOf(BEGIN), end = stdout.indexOf(END);
    assert.ok(begin >= 0 && end > begin, `the programs did not run: ${stdout.slice(-1500)}`);
    return {
      native,
      guest: stdout.slice(stdout.indexOf("\n", begin) + 1, end),
      errors: stdout.slice(end + END.length),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const [folder] = Deno.args;
  const { native, guest } = await runPrograms();
  await Deno.writeTextFile(join(folder, "native.txt"), native);
  await Deno.writeTextFile(join(folder, "guest.txt"), guest);
}
