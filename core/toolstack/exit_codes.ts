/** Exit codes of the command; README.md and `--help` list them from here. */
export const EXIT = {
  /** The domain powered off, or the user left its console. */
  ok: 0,
  /** The configuration, the kernel or this machine is at fault. */
  error: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The domain crashed (also: its watchdog fired). */
  crash: 3,
  /** The domain rebooted and its configuration does not restart it. */
  reboot: 4,
  /** The domain suspended; there is no way to resume it yet. */
  suspend: 5,
} as const;
