/** The Configuration tab: the file as it was given, and what it came to. */
import type { DomainDetail } from "../../../core/toolstack/api/types.ts";
import { BLANK_LINE, harmless, type Line, line, span, wrapText } from "../line.ts";
import { heading } from "../text_table.ts";

/** A value as one would write it in a configuration file. */
function literal(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function effective(config: unknown): Line[] {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    return [line(harmless(literal(config)))];
  }
  return Object.entries(config).flatMap(([key, value]) => {
    const start = [span(harmless(key), "key"), span(" = ", "dim")];
    // Lists of devices: one element a line.
    if (Array.isArray(value) && value.some((element) => typeof element === "object")) {
      return [
        [...start, span("[")],
        ...value.map((element) => line(`    ${harmless(literal(element))},`)),
        line("]"),
      ];
    }
    return [[...start, span(harmless(literal(value)))]];
  });
}

function fileLine(text: string): Line {
  const shown = harmless(text.replaceAll("\t", "        "));
  return [span(shown, text.trimStart().startsWith("#") ? "dim" : "text")];
}

export function configurationLines({ config, configText }: DomainDetail, width: number): Line[] {
  const file = configText.trimEnd().split(/\r?\n/).flatMap((text) => wrapText(text, width)).map(fileLine);
  const none = configText.trim() === ""
    ? [line(span("(none: the domain was not made from a file)", "dim"))]
    : file;
  return [heading("As it was given"), ...none, BLANK_LINE, heading("In effect"), ...effective(config)];
}
