/**
 * Every configuration of a corpus of real ones, which lies beside the repository where there is one: what libxlutil reads is read the same,
 * what runs as Python gives the same values.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  BARE_ENVIRONMENT,
  checkConfig,
  ConfigError,
  CONVERSION_TARGETS,
  convertConfig,
  type Disk,
  parseDisk,
  showConfig,
  SpecificationError,
  type Vif,
} from "../core/toolstack/config/mod.ts";
import { plannedConfig, yajl } from "../core/toolstack/format/domain_config.ts";

const CORPUS = join(import.meta.dirname ?? ".", "..", "..", "shared", "configs-corpus");
const EXPECTED = join(CORPUS, "expected");

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const there = isDirectory(EXPECTED);
const files = there
  ? [...Deno.readDirSync(CORPUS)].filter(({ isFile, name }) =>
    isFile && !/^(?:README\.md|SOURCES\.tsv)$/.test(name)
  )
    .map(({ name }) => name).sort()
  : [];

/** What is expected of a file; undefined where nothing is recorded. */
function expected(name: string, kind: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(join(EXPECTED, `${name}.${kind}.json`)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const source = (name: string) => ({ name, text: Deno.readTextFileSync(join(CORPUS, name)) });

function show(name: string) {
  return showConfig(source(name), [], BARE_ENVIRONMENT);
}

interface XluKey {
  readonly string?: string;
  readonly long?: number;
  readonly list?: readonly unknown[];
  readonly parsed?: readonly {
    readonly spec: string;
    readonly json?: Record<string, unknown>;
    readonly error?: unknown;
  }[];
}

/** Numbers of a list as xl has them: strings. */
function asStrings(value: unknown): unknown {
  return Array.isArray(value) ? value.map(asStrings) : String(value);
}

function diskAsXen(disk: Disk): Record<string, unknown> {
  const cdrom = disk.devtype === "cdrom";
  return {
    // An empty drive has no target, or an empty one: it is the same drive.
    pdev_path: disk.target,
    vdev: disk.vdev,
    ...disk.backend === undefined ? {} : { backend_domname: disk.backend },
    ...disk.backendtype === undefined ? {} : { backend: disk.backendtype },
    format: disk.format,
    ...disk.script === undefined ? {} : { script: disk.script },
    ...cdrom ? { removable: 1, is_cdrom: 1 } : {},
    ...disk.access === "rw" ? { readwrite: 1 } : {},
    ...disk.direct_io_safe ? { direct_io_safe: true } : {},
    ...disk.discard === undefined ? {} : { discard_enable: disk.discard ? "True" : "False" },
  };
}

/** As Xen writes it, with a target in any case. */
const withTarget = (json: unknown) => ({ pdev_path: "", ...json as Record<string, unknown> });

function vifAsXen(vif: Vif): Record<string, unknown> {
  const known: Record<string, unknown> = {
    backend_domname: vif.backend,
    devid: vif.devid,
    mtu: vif.mtu,
    model: vif.model,
    mac: vif.mac,
    ip: vif.ip,
    bridge: vif.bridge,
    ifname: vif.vifname,
    script: vif.script,
    nictype: vif.type === "ioemu" ? "vif_ioemu" : vif.type,
    rate_bytes_per_interval: vif.rate_bytes_per_interval,
    rate_interval_usecs: vif.rate_interval_usecs,
    gatewaydev: vif.gatewaydev,
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

Deno.test({
  name: "the corpus: what libxlutil reads is read the same",
  ignore: !there,
  fn() {
    let compared = 0;
    let disks = 0;
    for (const name of files) {
      const reference = expected(name, "xlu");
      if (reference === undefined || reference.error !== undefined) continue;
      const { keys } = show(name);
      const theirs = reference.keys as Record<string, XluKey>;
      assert.deepEqual(Object.keys(keys).sort(), Object.keys(theirs).sort(), name);
      for (const [key, { string, long, list, parsed }] of Object.entries(theirs)) {
        const mine = keys[key];
        if (list !== undefined) assert.deepEqual(asStrings(mine), list, `${name}: ${key}`);
        else if (typeof mine === "number") assert.equal(mine, long, `${name}: ${key}`);
        else assert.equal(mine, string, `${name}: ${key}`);
        for (const { spec, json } of parsed ?? []) {
          if (json === undefined) {
            assert.throws(() => parseDisk(spec), SpecificationError, `${name}: ${spec}`);
          } else assert.deepEqual(diskAsXen(parseDisk(spec)), withTarget(json), `${name}: ${spec}`);
          disks++;
        }
      }
      compared++;
    }
    assert.ok(compared >= 60 && disks >= 60, `${compared} files, ${disks} disks`);
  },
});

Deno.test({
  name: "the corpus: what xl makes of a file is its effective configuration",
  ignore: !there,
  fn() {
    let compared = 0;
    for (const name of files) {
      const xl = expected(name, "xl") as {
        c_info: Record<string, unknown>;
        b_info: Record<string, unknown>;
        disks?: unknown[];
        nics?: unknown[];
      } | undefined;
      if (xl?.c_info === undefined) continue;
      const { effective } = show(name);
      assert.equal(effective.type, xl.c_info.type, name);
      assert.equal(effective.name, xl.c_info.name, name);
      if (effective.uuid !== undefined) assert.equal(effective.uuid, xl.c_info.uuid, name);
      assert.deepEqual(
        (effective.disk as Disk[])
          .map(diskAsXen),
        (xl.disks ?? []).map(withTarget),
        name,
      );
      assert.deepEqual((effective.vif as Vif[]).map(vifAsXen), xl.nics ?? [], name);
      if (effective.cmdline !== "") assert.equal(effective.cmdline, xl.b_info.cmdline, name);
      const { target_memkb: target, max_memkb: maximum } = xl.b_info;
      if (typeof target === "number") assert.equal((effective.memory as number) * 1024, target, name);
      if (typeof maximum === "number") assert.equal((effective.maxmem as number) * 1024, maximum, name);
      assert.equal(effective.maxvcpus, xl.b_info.max_vcpus ?? 1, name);
      compared++;
    }
    assert.ok(compared >= 60, String(compared));
  },
});

/** Members of libxl_domain_config for devices that are not shown. */
const NOT_SHOWN = ["vfbs", "vkbs", "channels", "usbdevs"];

Deno.test({
  name: "the corpus: what xl create -n prints of PV domains is what xl printed, byte by byte",
  ignore: !there,
  fn() {
    let compared = 0;
    for (const name of files) {
      const xl = expected(name, "xl");
      if (xl === undefined) continue;
      const text = Deno.readTextFileSync(join(EXPECTED, `${name}.xl.json`));
      if (!/"type": "pv"/.test(text) || NOT_SHOWN.some((key) => key in xl)) continue;
      const { keys, effective } = show(name);
      // libxl makes up a uuid where there is none.
      const uuid = /"uuid": "([^"]*)"/.exec(text)?.[1];
      const planned = plannedConfig({ ...effective, uuid }, new Set(Object.keys(keys)));
      assert.equal(`${yajl(planned)}\n`, text, name);
      compared++;
    }
    assert.ok(compared >= 20, String(compared));
  },
});

Deno.test({
  name: "the corpus: what runs as Python gives the same values, or names what it uses",
  ignore: !there,
  fn() {
    let compared = 0;
    const refused: string[] = [];
    for (const name of files) {
      const reference = expected(name, "py");
      const xlu = expected(name, "xlu");
      if (
        reference === undefined || "__error__" in reference || (xlu !== undefined && xlu.error === undefined)
      ) continue;
      try {
        assert.deepEqual(show(name).keys, reference, name);
        compared++;
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        refused.push(error.message);
      }
    }
    assert.deepEqual(refused, []);
    assert.ok(compared >= 5, String(compared));
  },
});

Deno.test({
  name: "the corpus: every file is checked, and what can be read is converted",
  ignore: !there,
  fn() {
    for (const name of files) {
      const diagnostics = checkConfig([source(name)], { environment: BARE_ENVIRONMENT });
      for (const { file, line, column, message } of diagnostics) {
        assert.ok(file === name && line >= 1 && column >= 1 && message !== "", name);
      }
      for (const target of CONVERSION_TARGETS) {
        try {
          assert.notEqual(convertConfig(source(name), target).text, "", `${name} to ${target}`);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
        }
      }
    }
  },
});
