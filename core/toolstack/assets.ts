/**
 * Files that come along with the program, and which program this is: sources, or the chunks of a bundle (tools/compile), beside which the same files lie
 * at the same paths. Loaded by every command: nothing here is heavy.
 */
const SELF = "core/toolstack/assets.ts";

/** False in a bundle, whose chunks all lie in one folder. */
export const isSources: boolean = import.meta.url.endsWith(`/${SELF}`);

const ROOT = isSources ? import.meta.url.slice(0, -SELF.length) : new URL(".", import.meta.url).href;

/** Every file that the program reads of those beside its code; tools/compile puts them into the bundle. */
export const ASSETS = [
  "configs/builtin.cfg",
  "configs/debian-installer.cfg",
  "configs/debian-shell.cfg",
  "configs/grub.cfg",
  "core/toolstack/guests/echo.asm",
] as const;

/** In a bundle alone: which version of the interpreter's generator is in it, and the interpreter that it generated. */
export const GENERATOR_DIGEST = "interpreter/generator.sha256";
export const INTERPRETER_FOLDER = "interpreter/";

/** @param path from the repository's root */
export function asset(
  path: typeof ASSETS[number] | typeof GENERATOR_DIGEST | typeof INTERPRETER_FOLDER,
): URL {
  return new URL(path, ROOT);
}
