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

export const EXIT_HELP = `Exit codes:
  0  the domain powered off, or its console was left with ^]
  1  the configuration, the kernel or this machine is at fault
  2  the command line is wrong
  3  the domain crashed
  4  the domain rebooted, and on_reboot does not restart it
  5  the domain suspended`;
