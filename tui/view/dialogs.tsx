/** Confirmation, prompts, lists to choose from, weight and cap. */
import type { ReactElement } from "react";
import type { ChoiceKind } from "../keys/actions.ts";
import type { UiWorld } from "../keys/events.ts";
import { keyLabel } from "../keys/key_names.ts";
import { choicesOf } from "../keys/overlays.ts";
import { PROMPTS } from "../keys/prompts.ts";
import { find } from "../keys/selection.ts";
import type { Overlay } from "../keys/ui_state.ts";
import { editText } from "./edit_text.ts";
import { BLANK_LINE, harmless, type Line, line, span, wrapText } from "./line.ts";
import { listStart } from "./list_window.ts";
import { useLook } from "./look.ts";
import { Popup } from "./popup.tsx";
import type { Size } from "./scene.ts";

type OverlayOf<K extends Overlay["kind"]> = Extract<Overlay, { kind: K }>;

interface Props<K extends Overlay["kind"]> {
  readonly overlay: OverlayOf<K>;
  readonly world: UiWorld;
  readonly size: Size;
}

const WIDTH = 60;

export function errorLines(error: string | undefined, width: number): Line[] {
  return error === undefined ? [] : wrapText(harmless(error), width).map((text) => line(span(text, "bad")));
}

function keysLine(
  plainKeys: boolean,
  ...parts: readonly (readonly [keys: readonly string[], does: string])[]
): Line {
  return parts.flatMap(([keys, does], index) => [
    span(index === 0 ? "" : "   "),
    span(keys.map((key) => keyLabel(key, plainKeys)).join(" "), "key"),
    span(` ${does}`, "dim"),
  ]);
}

export function Confirm({ overlay, size }: Props<"confirm">): ReactElement {
  const { plainKeys } = useLook();
  const name = harmless(overlay.name);
  const lines = [
    line(span(`Destroy ${name}: it ends at once, without being asked.`, "bad")),
    BLANK_LINE,
    line("Type its name to confirm: ", ...editText(overlay.line, WIDTH - 28)),
    ...errorLines(overlay.error, WIDTH),
    BLANK_LINE,
    keysLine(plainKeys, [["Enter"], "destroy"], [["Esc"], "leave it alone"]),
  ];
  return <Popup title={`Destroy ${name}?`} lines={lines} width={WIDTH} size={size} />;
}

export function PromptDialog({ overlay, world, size }: Props<"prompt">): ReactElement {
  const { plainKeys } = useLook();
  const prompt = PROMPTS[overlay.prompt];
  const row = find(world.all, overlay.uuid);
  const lines = [
    line(span(harmless(prompt.hint(row)), "dim")),
    line(span("> ", "key"), ...editText(overlay.line, WIDTH - 4)),
    ...errorLines(overlay.error, WIDTH),
    BLANK_LINE,
    keysLine(plainKeys, [["Enter"], "do it"], [["Esc"], "leave it"]),
  ];
  return <Popup title={harmless(prompt.title(row))} lines={lines} width={WIDTH} size={size} />;
}

const CHOICES: Readonly<Record<ChoiceKind, { title: (name: string) => string; none: string }>> = {
  create: {
    title: () => "Create a domain from a configuration",
    none: "no configuration here has such a name: type a file's path",
  },
  start: { title: () => "Start a managed domain", none: "no managed domain that does not run" },
  detach: { title: (name) => `Detach a device of ${name}`, none: "no such device" },
};

export function Choose({ overlay, world, size }: Props<"choose">): ReactElement {
  const { plainKeys, glyphs } = useLook();
  const choices = choicesOf(overlay, world);
  const height = Math.max(3, Math.min(12, size.rows - 10));
  const start = listStart(overlay.index, choices.length, height);
  const { title, none } = CHOICES[overlay.choice];
  const domain = find(world.all, overlay.uuid)?.figures.name ?? "the domain";
  const list = choices.length === 0
    ? [line(span(overlay.items === undefined ? "looking ..." : none, "dim"))]
    : choices.slice(start, start + height).map((choice, at) =>
      start + at === overlay.index
        ? line(span(`${glyphs.pointer} ${harmless(choice)}`.padEnd(WIDTH), "selected"))
        : line(`  ${harmless(choice)}`)
    );
  const lines = [
    line(span("> ", "key"), ...editText(overlay.line, WIDTH - 4)),
    BLANK_LINE,
    ...list,
    ...errorLines(overlay.error, WIDTH),
    BLANK_LINE,
    keysLine(plainKeys, [["Enter"], overlay.choice], [["Up", "Down"], "choose"], [["Esc"], "leave it"]),
  ];
  return <Popup title={harmless(title(domain))} lines={lines} width={WIDTH} size={size} />;
}

export function Credit({ overlay, world, size }: Props<"credit">): ReactElement {
  const { plainKeys, gauge } = useLook();
  const row = find(world.all, overlay.uuid);
  const name = harmless(row?.figures.name ?? "the domain");
  const most = 100 * (row?.figures.vcpus.length ?? 1);
  const weights = world.all.reduce((sum, { figures }) => sum + figures.weight, 0) -
    (row?.figures.weight ?? 0) + overlay.weight;
  const share = 100 * overlay.weight / Math.max(1, weights);
  const was = (now: number, before: number | undefined, text: (value: number) => string) =>
    before === undefined || before === now ? "" : `  (now ${text(before)})`;
  const cap = (value: number) => value === 0 ? "none" : `${value} %`;
  const lines = [
    line(
      span("Weight ", "dim"),
      span(String(overlay.weight).padStart(6), "strong"),
      " ",
      span(gauge(share, 100, 24), "cpu"),
      span(was(overlay.weight, row?.figures.weight, String), "warning"),
    ),
    line(
      span("Cap    ", "dim"),
      span(cap(overlay.cap).padStart(6), "strong"),
      " ",
      span(gauge(overlay.cap, most, 24), "cpu"),
      span(was(overlay.cap, row?.figures.cap, cap), "warning"),
    ),
    line(span(`${share.toFixed(1)} % of the pCPUs when all domains are busy`, "dim")),
    BLANK_LINE,
    keysLine(plainKeys, [["Up", "Down"], "weight"], [["PageUp", "PageDown"], "double, halve"], [
      ["Left", "Right"],
      "cap",
    ]),
    keysLine(plainKeys, [["Enter"], "apply"], [["Esc"], "leave it"]),
  ];
  return <Popup title={`Weight and cap of ${name}`} lines={lines} width={WIDTH} size={size} />;
}
