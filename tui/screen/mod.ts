/** The terminal: frames of Ink's go out as the fewest bytes, bytes of the terminal's come in as keys. */
export { Screen } from "./screen.ts";
export { guardTerminal } from "./crash_guard.ts";
export { MOUSE_OFF, MOUSE_ON } from "./terminal_modes.ts";
export { InputDecoder, InputReader } from "./input.ts";
export type { InputEvent, KeyEvent, MouseEvent, PasteEvent } from "./input_events.ts";
