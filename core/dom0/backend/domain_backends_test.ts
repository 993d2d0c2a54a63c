import assert from "node:assert/strict";
import { join } from "node:path";
import { type DeviceDescription, XenbusState } from "../xenstore/devices.ts";
import { XenStoreService } from "../xenstore/service.ts";
import { description } from "../xenstore/testing.ts";
import { DeviceError } from "./device_error.ts";
import { Backends, DomainBackends } from "./domain_backends.ts";
import { FakeFrontendDomain } from "./testing.ts";

const disk = (vdev: string, target: string, readOnly = false): DeviceDescription => ({
  kind: "vbd",
  vdev,
  target,
  readOnly,
  type: "qdisk",
});
const VIF: DeviceDescription = { kind: "vif", devid: 0, mac: "00:16:3e:00:00:01" };

async function inFolder(
  run: (image: (name: string) => string, setUp: SetUp) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "backends-" });
  const store = new XenStoreService();
  const backends = new Backends(store);
  const image = (name: string) => {
    const path = join(folder, name);
    Deno.writeFileSync(path, new Uint8Array(8192));
    return path;
  };
  const setUp = (domid: number, devices: readonly DeviceDescription[]) => {
    const open = backends.open(devices);
    store.introduce(
      description(domid, { devices }),
      { bytes: new Uint8Array(4096), written() {} },
      () => {},
    );
    const domain = new FakeFrontendDomain(domid);
    const served = new DomainBackends(backends, domain, open);
    return {
      store,
      backends,
      domain,
      served,
      state: (path: string) => Number(store.read(`${path}/state`) ?? NaN),
    };
  };
  try {
    await run(image, setUp);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
type SetUp = (domid: number, devices: readonly DeviceDescription[]) => {
  store: XenStoreService;
  backends: Backends;
  domain: FakeFrontendDomain;
  served: DomainBackends;
  state: (path: string) => number;
};

const fails = (code: DeviceError["code"], words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DeviceError, `${error}`);
  assert.equal(error.code, code);
  assert.match(error.message, words);
  return true;
};

Deno.test("devices of the configuration and later ones are served, counted and removed without a trace", () =>
  inFolder(async (image, setUp) => {
    const { store, served, state } = setUp(3, [disk("xvda", image("a")), VIF]);
    assert.equal(state("/local/domain/0/backend/vbd/3/51712"), XenbusState.InitWait);
    assert.equal(state("/local/domain/0/backend/vif/3/0"), XenbusState.InitWait);
    assert.equal(served.vbd(51712)?.reads, 0);
    assert.equal(served.vif(0)?.txBytes, 0);
    assert.equal(served.vbd(51728), undefined);
    await served.attach(disk("xvdb", image("b")));
    assert.equal(state("/local/domain/0/backend/vbd/3/51728"), XenbusState.InitWait);
    assert.equal(store.read("/local/domain/3/device/vbd/51728/virtual-device"), "51728");
    await assert.rejects(served.attach(disk("xvdb", image("c"))), fails("exists", /vbd 51728 already/));
    await assert.rejects(served.attach(VIF), fails("exists", /vif 0 already/));
    await assert.rejects(served.attach(disk("nonsense", image("d"))), RangeError);
    await assert.rejects(served.detach("vbd", 7, false), fails("missing", /no vbd 7/));
    await served.detach("vbd", 51728, false);
    assert.equal(store.exists("/local/domain/3/device/vbd/51728"), false);
    assert.equal(store.exists("/local/domain/0/backend/vbd/3/51728"), false);
    assert.equal(store.exists("/libxl/3/device/vbd/51728"), false);
    await served.detach("vif", 0, true);
    assert.equal(store.exists("/local/domain/0/backend/vif"), false);
    assert.equal(served.vif(0), undefined);
    served.release();
    served.release();
    // What it counted is still told of a domain that has ended.
    assert.equal(served.vbd(51712)?.reads, 0);
    await assert.rejects(served.detach("vbd", 51712, true), fails("missing", /no vbd 51712/));
    await assert.rejects(served.attach(VIF), fails("missing", /gone/));
  }));

Deno.test("an image has one writer, or readers; what cannot be opened is named, and nothing stays open", () =>
  inFolder(async (image, setUp) => {
    const a = image("a"), b = image("b");
    const { served, backends } = setUp(3, [disk("xvda", a)]);
    const other = setUp(4, [disk("xvda", b, true)]);
    await assert.rejects(
      other.served.attach(disk("xvdb", a)),
      fails("image", /a is written by another disk/),
    );
    await assert.rejects(
      other.served.attach(disk("xvdb", a, true)),
      fails("image", /is written by another disk/),
    );
    await served.attach(disk("xvdb", b, true));
    await assert.rejects(
      other.served.attach(disk("xvdb", b)),
      fails("image", /b is read by another disk; mode r/),
    );
    // A link is the same file.
    await Deno.symlink(a, `${a}.link`);
    assert.throws(
      () => backends.open([disk("xvda", `${a}.link`)]),
      fails("image", /written by another disk/),
    );
    for (
      const [target, words] of [[`${a}.none`, /xvda: .*none: there is no such file/], [
        "/dev/null",
        /neither a file nor/,
      ], [
        "/proc/1/mem-none",
        /no such file/,
      ]] as const
    ) {
      assert.throws(() => backends.open([disk("xvda", target)]), fails("image", words));
    }
    // All or none: the first one's file is free again.
    const c = image("c");
    assert.throws(() => backends.open([disk("xvda", c), disk("xvdb", "/none")]), fails("image", /\/none/));
    for (const { close } of backends.open([disk("xvda", c)])) close();
    served.release();
    await other.served.attach(disk("xvdb", a));
    assert.throws(
      () => backends.open([{ kind: "vbd", vdev: "xvda", target: c, type: "qdisk", backendDomid: 3 }]),
      fails("unsupported", /only Domain-0 serves disks/),
    );
    other.served.release();
  }));
