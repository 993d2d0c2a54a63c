/** The dashboard's table as a test reads and moves in it. */
import assert from "node:assert/strict";
import { CLEAR_ESCAPE } from "./key_bytes.ts";
import { KEY, type ScreenSession } from "./screen_session.ts";

/** Names of the domains that show, from the top. */
export function shownDomains(screen: string): string[] {
  const lines = screen.split("\n");
  const heading = lines.findIndex((line) => line.startsWith("NAME"));
  const names: string[] = [];
  for (const line of lines.slice(heading + 1)) {
    const name = /^(\S+) /.exec(line)?.[1];
    if (name === undefined || !/ [d-][s-][b-][c-][p-][r-] /.test(`${line} `)) break;
    names.push(name);
  }
  return names;
}

/** The selected domain's name: of its graphs below the table, large or a line. */
export function selectedDomain(screen: string): string | undefined {
  return /^(?:── )?Host\b[^]*?^(?:── (\S+)|(\S+) +CPU )/m.exec(screen)?.slice(1).find((name) =>
    name !== undefined
  );
}

export const hasSelected = (name: string) => (screen: string): boolean => selectedDomain(screen) === name;

/** Selects one of the domains that show by the arrows. */
export async function selectDomain(top: ScreenSession, name: string): Promise<void> {
  const names = shownDomains(await top.waitFor((screen) => shownDomains(screen).includes(name)));
  await top.press(KEY.home + KEY.down.repeat(names.indexOf(name)));
  await top.waitFor(hasSelected(name));
}

/** Waits until the last line but one tells what a command came to, and looks into the log of commands. */
export async function assertLogged(top: ScreenSession, line: string, state: "done" | "FAILED" = "done") {
  await top.waitFor((screen) => screen.includes(`${line}: `) && !screen.includes(`${line} ...`));
  await top.press("l");
  const log = await top.waitFor(/ Commands [^]*^\d\d:\d\d:\d\d {2}/m);
  assert.match(
    log,
    new RegExp(`^\\d\\d:\\d\\d:\\d\\d {2}${state} +${line.replaceAll(/[.*()[\]]/g, "\\$&")}$`, "m"),
  );
  await top.press(CLEAR_ESCAPE);
  await top.waitFor(/^NAME/m);
}
