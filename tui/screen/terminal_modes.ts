/** The sequences that give the dashboard a screen of its own, and those that give the user's back. */

/** Clicks and the wheel, in SGR's coding; the terminal then leaves no selecting of text to its user, so it is off by default. */
export const MOUSE_ON = "\x1b[?1000h\x1b[?1006h";
export const MOUSE_OFF = "\x1b[?1006l\x1b[?1000l";

/** Alternate screen, no cursor, no automatic wrapping (the last cell would scroll some terminals), pastes in brackets. */
export const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h";
/** Ends a synchronized update that a crash may have cut, too. */
export const LEAVE = `\x1b[?2026l\x1b]8;;\x07\x1b[0m${MOUSE_OFF}\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l`;
