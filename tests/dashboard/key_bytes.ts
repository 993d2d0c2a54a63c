/** What a terminal sends for the names of keys that tui/keys has. */
import { KEY } from "./screen_session.ts";

const NAMED: Readonly<Record<string, string>> = {
  Enter: KEY.enter,
  Esc: KEY.escape,
  Tab: KEY.tab,
  BackTab: KEY.backTab,
  Up: KEY.up,
  Down: KEY.down,
  Right: KEY.right,
  Left: KEY.left,
  PageUp: KEY.pageUp,
  PageDown: KEY.pageDown,
  Home: KEY.home,
  End: KEY.end,
  Backspace: KEY.backspace,
  Delete: "\x1b[3~",
  Space: " ",
  F1: "\x1bOP",
};

/** Esc as terminals send it that say which key it is (CSI u): nothing has to be waited for behind it. */
export const CLEAR_ESCAPE = "\x1b[27u";

export function keyBytes(name: string): string {
  const named = NAMED[name];
  if (named !== undefined) return named;
  if (/^\^[A-Z\]]$/.test(name)) return String.fromCharCode(name.charCodeAt(1) - 64);
  if ([...name].length === 1) return name;
  throw new RangeError(`what does a terminal send for ${name}?`);
}
