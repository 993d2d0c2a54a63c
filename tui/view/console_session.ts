/** An attached console: the terminal's bytes go to the domain and its output to the terminal, until ^] or the domain's end. */
import type { DashboardTerminal, DashboardXend } from "../ports.ts";

export const ESCAPE_KEY = 0x1d;

/**
 * What a guest's full-screen program may have left on: scroll region, cursor keys' mode, mouse, pastes in brackets, colours. To end a scroll
 * region moves the cursor to the top: it comes back to where it was, so that what follows on the user's screen stands below.
 */
const RESET =
  "\x1b[!p\x1b[?1l\x1b>\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l\x1b7\x1b[r\x1b8\x1b[0m\x1b[?25h\r\n";

export type ConsoleEnd = "left" | "ended";

/** Lends the terminal to the console. @returns what gives it back */
export type Lend = (taker: (bytes: Uint8Array) => void) => () => void;

/** @throws XendFailure when there is no such console: the terminal was not touched then */
export async function attachConsole(
  xend: DashboardXend,
  domain: string,
  terminal: DashboardTerminal,
  lend: Lend,
): Promise<ConsoleEnd> {
  const connection = await xend.attachConsole(domain, true);
  const { promise: left, resolve: leave } = Promise.withResolvers<ConsoleEnd>();
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  const giveBack = lend((bytes) => {
    const escape = bytes.indexOf(ESCAPE_KEY);
    const forGuest = escape < 0 ? bytes : bytes.subarray(0, escape);
    if (forGuest.length > 0) connection.input(forGuest).catch(fail);
    if (escape >= 0) leave("left");
  });
  const decoder = new TextDecoder();
  let isOver = false;
  const show = async (): Promise<ConsoleEnd> => {
    for await (const bytes of connection.output) {
      // The terminal may be the dashboard's again.
      if (isOver) break;
      terminal.write(decoder.decode(bytes, { stream: true }));
    }
    return "ended";
  };
  try {
    return await Promise.race([left, failed, show()]);
  } finally {
    isOver = true;
    connection.close();
    terminal.write(RESET);
    giveBack();
  }
}
