/** Network interface specifications: xl-network-configuration(5), read as xl's parse_nic_config and libxlu_vif.c do. */
import { z } from "zod";
import { SpecificationError } from "./disk.ts";

/** Keys of xl for COLO, which is checkpointing to another host; kept as they are. */
const COLO =
  ("forwarddev colo_sock_mirror_id colo_sock_mirror_ip colo_sock_mirror_port colo_sock_compare_sec_in_id " +
    "colo_sock_compare_sec_in_ip colo_sock_compare_sec_in_port colo_sock_redirector0_id colo_sock_redirector0_ip " +
    "colo_sock_redirector0_port colo_sock_redirector1_id colo_sock_redirector1_ip colo_sock_redirector1_port " +
    "colo_sock_redirector2_id colo_sock_redirector2_ip colo_sock_redirector2_port colo_sock_compare_pri_in_id " +
    "colo_sock_compare_pri_in_ip colo_sock_compare_pri_in_port colo_sock_compare_notify_id colo_sock_compare_notify_ip " +
    "colo_sock_compare_notify_port colo_filter_mirror_queue colo_filter_mirror_outdev colo_filter_redirector0_queue " +
    "colo_filter_redirector0_indev colo_filter_redirector0_outdev colo_filter_redirector1_queue " +
    "colo_filter_redirector1_indev colo_filter_redirector1_outdev colo_compare_pri_in colo_compare_sec_in " +
    "colo_compare_out colo_compare_notify_dev colo_sock_sec_redirector0_id colo_sock_sec_redirector0_ip " +
    "colo_sock_sec_redirector0_port colo_sock_sec_redirector1_id colo_sock_sec_redirector1_ip " +
    "colo_sock_sec_redirector1_port colo_filter_sec_redirector0_queue colo_filter_sec_redirector0_indev " +
    "colo_filter_sec_redirector0_outdev colo_filter_sec_redirector1_queue colo_filter_sec_redirector1_indev " +
    "colo_filter_sec_redirector1_outdev colo_filter_sec_rewriter0_queue colo_checkpoint_host colo_checkpoint_port")
    .split(" ");

/** Keys of xm that xl no longer knows. */
const XM_ONLY = ["accel", "policy", "label", "uuid", "related_ip"];

const TEXTS = ["bridge", "gatewaydev", "ip", "script", "backend", "vifname", "model", "vlan"] as const;

/** A network interface; the names are those of the manual. */
export const vifSchema = z.strictObject({
  devid: z.int().min(0),
  /** Six pairs of hexadecimal digits; without it one is made up at 00:16:3e. */
  mac: z.string().optional(),
  bridge: z.string().optional(),
  gatewaydev: z.string().optional(),
  type: z.enum(["vif", "ioemu"]).optional(),
  model: z.string().optional(),
  vifname: z.string().optional(),
  script: z.string().optional(),
  ip: z.string().optional(),
  backend: z.string().optional(),
  /** As it is written, like 10Mb/s@20ms. */
  rate: z.string().optional(),
  rate_bytes_per_interval: z.number().optional(),
  rate_interval_usecs: z.number().optional(),
  mtu: z.int().min(0).optional(),
  vlan: z.string().optional(),
  trusted: z.boolean().optional(),
  colo: z.record(z.string(), z.string()).optional(),
});

export type Vif = z.infer<typeof vifSchema>;

type Draft = { -readonly [K in keyof Vif]?: Vif[K] };

const UINT32_MAX = 0xffffffffn;

/** strtoull(text, &rest, 0) of a text that begins with a digit. */
function leadingNumber(text: string): { number: bigint; rest: string } {
  const digits = (/^0[0-7]*/.exec(text) ?? /^[0-9]*/.exec(text))?.[0] ?? "";
  const number = /^0[0-7]+$/.test(digits)
    ? BigInt(`0o${digits.slice(1)}`)
    : BigInt(digits.slice(0, 40) || "0");
  return { number, rest: text.slice(digits.length) };
}

/** RATE/s[@INTERVAL] in bytes for each interval and its microseconds. */
export function parseRate(rate: string): { readonly bytes: number; readonly usecs: number } {
  const at = rate.indexOf("@");
  const speed = at < 0 ? rate : rate.slice(0, at);
  if (!/^[0-9]+[GMK]?[Bb]\/s$/.test(speed)) {
    throw new SpecificationError(
      `the rate ${JSON.stringify(rate)} cannot be read; write it like 10Mb/s or 250KB/s@20ms`,
    );
  }
  const { number, rest } = leadingNumber(speed);
  if (number === 0n || number > UINT32_MAX) {
    throw new SpecificationError(`the rate ${JSON.stringify(rate)} is out of range`);
  }
  const factors: Readonly<Record<string, bigint>> = { G: 1_000_000_000n, M: 1_000_000n, K: 1000n };
  let perSecond = number * (factors[rest[0]] ?? 1n);
  if (rest[0] === "b" || rest[1] === "b") perSecond /= 8n;
  let usecs = 50_000n;
  if (at >= 0) {
    const interval = rate.slice(at + 1);
    if (!/^[0-9]+[mu]?s?$/.test(interval)) {
      throw new SpecificationError(
        `the interval ${JSON.stringify(interval)} cannot be read; write it like 20ms`,
      );
    }
    const { number, rest } = leadingNumber(interval);
    usecs = number * (rest === "" || rest[0] === "s" ? 1_000_000n : rest[0] === "m" ? 1000n : 1n);
    if (number === 0n || number > UINT32_MAX || usecs > UINT32_MAX) {
      throw new SpecificationError(`the interval ${JSON.stringify(interval)} is out of range`);
    }
  }
  return { bytes: Number(perSecond * usecs / 1_000_000n), usecs: Number(usecs) };
}

function parseMac(text: string): string {
  const bytes: string[] = [];
  let rest = text;
  for (let index = 0; index < 6; index++) {
    const digits = /^[ \t]*(?:0x)?([0-9a-f]+)/i.exec(rest);
    const byte = digits === null ? NaN : parseInt(digits[1].slice(0, 8), 16);
    if (digits === null || !(byte <= 255)) {
      throw new SpecificationError(`mac=${text} is no MAC address; write six pairs like 00:16:3e:00:00:01`);
    }
    bytes.push(byte.toString(16).padStart(2, "0"));
    rest = rest.slice(digits[0].length + 1);
  }
  return bytes.join(":");
}

function parseCount(name: string, text: string): number {
  if (!/^\s*\+?[0-9]{1,15}$/.test(text)) throw new SpecificationError(`${name}=${text} is no number`);
  return Number(text);
}

function setParameter(draft: Draft, key: string, value: string): void {
  const plain = TEXTS.find((known) => known === key);
  if (plain !== undefined) draft[plain] = value;
  else if (key === "netdev") draft.gatewaydev = value;
  else if (key === "type") {
    if (value !== "vif" && value !== "ioemu") {
      throw new SpecificationError(`type=${value}: the type is vif or ioemu`);
    }
    draft.type = value;
  } else if (key === "mac") draft.mac = parseMac(value);
  else if (key === "rate") {
    const { bytes, usecs } = parseRate(value);
    [draft.rate, draft.rate_bytes_per_interval, draft.rate_interval_usecs] = [value, bytes, usecs];
  } else if (key === "devid" || key === "mtu") draft[key] = parseCount(key, value);
  else if (COLO.includes(key)) draft.colo = { ...draft.colo, [key]: value };
  else if (!XM_ONLY.includes(key)) {
    throw new SpecificationError(
      `unknown parameter ${JSON.stringify(key)}; there are mac, ${TEXTS.join(", ")}, type, rate, devid, mtu`,
    );
  }
}

/** The parameters of a specification that xm knew and xl refuses. */
export function xmOnlyParameters(spec: string): string[] {
  return spec.split(",").map((part) => part.split("=")[0].trim()).filter((name) => XM_ONLY.includes(name));
}

/**
 * Parses a network interface's specification.
 * @param index its place in the list, the devid unless one is given
 * @throws SpecificationError
 */
export function parseVif(spec: string, index: number): Vif {
  const draft: Draft = {};
  for (const part of spec.split(",")) {
    if (part === "") continue;
    const token = part.replace(/^ +/, "");
    if (token === "trusted" || token === "untrusted") {
      draft.trusted = token === "trusted";
      continue;
    }
    const equals = token.indexOf("=");
    if (equals < 0) {
      throw new SpecificationError(`${JSON.stringify(token)} is no parameter; they are written NAME=VALUE`);
    }
    setParameter(draft, token.slice(0, equals), token.slice(equals + 1));
  }
  return { devid: index, ...draft };
}

/** A network interface as a specification, from which parseVif gives the same. */
export function formatVif(vif: Vif, index: number): string {
  const parts: string[] = [];
  if (vif.type !== undefined) parts.push(`type=${vif.type}`);
  if (vif.mac !== undefined) parts.push(`mac=${vif.mac}`);
  for (const key of TEXTS) if (vif[key] !== undefined) parts.push(`${key}=${vif[key]}`);
  if (vif.rate !== undefined) parts.push(`rate=${vif.rate}`);
  if (vif.devid !== index) parts.push(`devid=${vif.devid}`);
  if (vif.mtu !== undefined) parts.push(`mtu=${vif.mtu}`);
  for (const [key, value] of Object.entries(vif.colo ?? {})) parts.push(`${key}=${value}`);
  if (vif.trusted !== undefined) parts.push(vif.trusted ? "trusted" : "untrusted");
  return parts.join(",");
}
