/** How a command that shows a domain ends: with the domain, or told to by a signal. */
import type { ShutdownReason } from "../api/types.ts";
import { EXIT } from "../exit_codes.ts";

/** The exit code and the words for a domain's end; undefined: it was destroyed from outside. */
export function verdict(reason: ShutdownReason | undefined): { code: number; words: string } {
  switch (reason) {
    case "poweroff":
      return { code: EXIT.ok, words: "powered off" };
    case "reboot":
      return { code: EXIT.reboot, words: "rebooted" };
    case "soft_reset":
      return { code: EXIT.reboot, words: "asked for a soft reset, which is not supported" };
    case "suspend":
      return { code: EXIT.suspend, words: "suspended" };
    case "crash":
      return { code: EXIT.crash, words: "crashed" };
    case "watchdog":
      return { code: EXIT.crash, words: "was ended by its watchdog" };
    case undefined:
      return { code: EXIT.ok, words: "was destroyed" };
  }
}

/** Signals that tell a process to end, and what a shell says of one that they ended. */
const SIGNALS = { SIGTERM: 143, SIGHUP: 129, SIGINT: 130 } as const;

/** Gives the terminal back when the process is told to end. @returns what ends that */
export function restoreOnSignals(restore: () => void): () => void {
  const removers = Object.entries(SIGNALS).map(([name, code]) => {
    const signal = name as keyof typeof SIGNALS;
    const handler = () => {
      restore();
      Deno.exit(code);
    };
    Deno.addSignalListener(signal, handler);
    return () => Deno.removeSignalListener(signal, handler);
  });
  return () => removers.forEach((remove) => remove());
}
