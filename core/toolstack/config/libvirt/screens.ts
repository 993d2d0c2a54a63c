/** What a person sees, hears and types: graphics, video cards, pointers, sound. */
import type { KeyValues } from "../keys/mod.ts";
import type { Losses } from "../losses.ts";
import { Parameters } from "./parameters.ts";
import { element } from "./xml.ts";

const FIRST_VNC_PORT = 5900;

interface VncSettings {
  readonly unused: boolean;
  readonly display?: number;
  readonly listen?: string;
  readonly password?: string;
  readonly keymap?: string;
}

function vnc({ unused, display, listen, password, keymap }: VncSettings): string {
  const fixed = display !== undefined && !unused;
  return element("graphics", {
    type: "vnc",
    port: fixed ? FIRST_VNC_PORT + display : -1,
    autoport: fixed ? "no" : "yes",
    listen,
    passwd: password || undefined,
    keymap: keymap || undefined,
  });
}

function spice(values: KeyValues): string {
  const { spicehost, spiceport, spicetls_port, spicepasswd, spicedisable_ticketing } = values;
  const { spiceagent_mouse, spice_clipboard_sharing, spice_image_compression, spice_streaming_video } =
    values;
  const fixed = spiceport !== undefined || spicetls_port !== undefined;
  return element("graphics", {
    type: "spice",
    port: spiceport,
    tlsPort: spicetls_port,
    autoport: fixed ? "no" : "yes",
    listen: spicehost,
    passwd: spicedisable_ticketing === true ? undefined : spicepasswd || undefined,
  }, [
    ...spice_image_compression ? [element("image", { compression: spice_image_compression })] : [],
    ...spice_streaming_video ? [element("streaming", { mode: spice_streaming_video })] : [],
    ...spiceagent_mouse === undefined
      ? []
      : [element("mouse", { mode: spiceagent_mouse ? "client" : "server" })],
    ...spice_clipboard_sharing === undefined
      ? []
      : [element("clipboard", { copypaste: spice_clipboard_sharing ? "yes" : "no" })],
  ]);
}

/** A PV guest's frame buffer. */
function vfb(spec: string, losses: Losses): string {
  const parameters = new Parameters(spec);
  const say = () => {
    const lost = parameters.unseen();
    if (lost.length > 0) losses.say("vfb", `${lost.join(", ")} of ${JSON.stringify(spec)}`);
  };
  if (parameters.get("type") === "sdl" || parameters.truth("sdl")) {
    const [display, xauth] = ["display", "xauthority"].map((name) => parameters.get(name));
    say();
    return element("graphics", { type: "sdl", display, xauth });
  }
  const display = parameters.get("vncdisplay");
  parameters.get("vnc");
  const screen = vnc({
    unused: parameters.truth("vncunused"),
    display: display !== undefined && /^\d+$/.test(display) ? Number(display) : undefined,
    listen: parameters.get("vnclisten"),
    password: parameters.get("vncpasswd"),
    keymap: parameters.get("keymap"),
  });
  say();
  return screen;
}

export function graphics(values: KeyValues, losses: Losses): string[] {
  const { vnc: hasVnc, vncunused, vncdisplay, vnclisten, vncpasswd, keymap } = values;
  const { sdl, opengl, display, xauthority } = values;
  return [
    ...hasVnc === true
      ? [vnc({
        unused: vncunused === true,
        display: vncdisplay,
        listen: vnclisten,
        password: vncpasswd,
        keymap,
      })]
      : [],
    ...sdl === true
      ? [
        element(
          "graphics",
          { type: "sdl", display, xauth: xauthority },
          opengl === true ? [element("gl", { enable: "yes" })] : [],
        ),
      ]
      : [],
    ...values.spice === true ? [spice(values)] : [],
    ...(values.vfb ?? []).map((spec) => vfb(spec, losses)),
  ];
}

const CARDS: Readonly<Record<string, string>> = { stdvga: "vga", cirrus: "cirrus", qxl: "qxl" };
/** MiB, where the file does not say. */
const CARD_MEMORY: Readonly<Record<string, number>> = { vga: 16, cirrus: 8, qxl: 64 };

export function video({ vga, stdvga, videoram }: KeyValues): string[] {
  if (vga === undefined && stdvga === undefined && videoram === undefined) return [];
  if (vga === "none") return [element("video", {}, [element("model", { type: "none" })])];
  const type = CARDS[vga ?? (stdvga === true ? "stdvga" : "cirrus")];
  return [
    element("video", {}, [
      element("model", { type, vram: (videoram ?? CARD_MEMORY[type]) * 1024, heads: 1 }),
    ]),
  ];
}

const POINTERS = ["mouse", "tablet", "keyboard"];

/** Emulated USB devices: of those that point or type libvirt knows in this place. */
export function inputs({ usb: _controller, usbdevice = [] }: KeyValues, losses: Losses): string[] {
  // Their controller comes by itself.
  return (typeof usbdevice === "string" ? [usbdevice] : usbdevice).flatMap((device) => {
    if (POINTERS.includes(device)) return [element("input", { type: device, bus: "usb" })];
    const host = /^host:(?:0x)?([0-9a-f]{4}):(?:0x)?([0-9a-f]{4})$/i.exec(device);
    if (host === null) {
      losses.say("usbdevice", JSON.stringify(device));
      return [];
    }
    const [, vendor, product] = host;
    return [
      element("hostdev", { mode: "subsystem", type: "usb", managed: "no" }, [
        element("source", {}, [
          element("vendor", { id: `0x${vendor}` }),
          element("product", { id: `0x${product}` }),
        ]),
      ]),
    ];
  });
}

const SOUND_CARDS = ["sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb"];
/** QEMU's names that libvirt has others for. */
const SOUND_NAMES: Readonly<Record<string, string>> = { hda: "ich6", "intel-hda": "ich6" };

export function sound({ soundhw }: KeyValues, losses: Losses): string[] {
  const cards = (soundhw ?? "").split(",").map((card) => card.trim()).filter((card) => card !== "");
  return cards.flatMap((card) => {
    const model = SOUND_NAMES[card] ?? card;
    if (SOUND_CARDS.includes(model)) return [element("sound", { model })];
    losses.say("soundhw", JSON.stringify(card));
    return [];
  });
}
