import assert from "node:assert/strict";
import { type DeviceDescription, deviceNodes, XenbusState as S } from "../xenstore/devices.ts";
import { XenStoreService } from "../xenstore/service.ts";
import { description } from "../xenstore/testing.ts";
import { DeviceBackend } from "./device_backend.ts";
import { type BackendDriver, FrontendError, type FrontendNodes } from "./driver.ts";

const DOMID = 3;
const DISK: DeviceDescription = { kind: "vbd", vdev: "xvda", target: "/x", type: "qdisk" };

class Driver implements BackendDriver {
  readonly features = { "feature-x": "1" };
  readonly log: string[] = [];
  lost: (why: string) => void = () => {};

  connect(frontend: FrontendNodes, lost: (why: string) => void): Record<string, string> {
    this.log.push(`connect ${frontend.requiredNumber("ring-ref")}`);
    this.lost = lost;
    if (frontend.text("protocol") !== "x") throw new FrontendError("another protocol");
    return { sectors: "77" };
  }

  disconnect(): void {
    this.log.push("disconnect");
  }

  close(): void {
    this.log.push("close");
  }
}

function setUp() {
  const store = new XenStoreService();
  store.introduce(
    description(DOMID, { devices: [DISK] }),
    { bytes: new Uint8Array(4096), written() {} },
    () => {},
  );
  const nodes = deviceNodes(DOMID, DISK);
  const driver = new Driver(), lines: string[] = [];
  const backend = new DeviceBackend(store, nodes, driver, (line) => lines.push(line));
  const front = (name: string, value: string) => store.write(`${nodes.frontendPath}/${name}`, value);
  const back = (name: string) => store.read(`${nodes.backendPath}/${name}`);
  return { store, nodes, driver, backend, lines, front, back };
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("a device's life: features, connected, closed by the guest, and connected again", async () => {
  const { driver, backend, front, back } = setUp();
  backend.start();
  await settle();
  assert.deepEqual([back("state"), back("feature-x"), back("hotplug-status")], [
    `${S.InitWait}`,
    "1",
    "connected",
  ]);
  front("ring-ref", "8");
  front("protocol", "x");
  front("state", `${S.Initialised}`);
  await settle();
  assert.deepEqual([back("state"), back("sectors")], [`${S.Connected}`, "77"]);
  // Its own step to Connected asks for nothing more.
  front("state", `${S.Connected}`);
  await settle();
  assert.deepEqual(driver.log, ["connect 8"]);
  front("state", `${S.Closing}`);
  await settle();
  assert.equal(back("state"), `${S.Closing}`);
  front("state", `${S.Closed}`);
  await settle();
  assert.equal(back("state"), `${S.Closed}`);
  front("state", `${S.Initialising}`);
  await settle();
  assert.equal(back("state"), `${S.InitWait}`);
  front("state", `${S.Connected}`);
  await settle();
  assert.equal(back("state"), `${S.Connected}`);
  backend.close();
  front("state", `${S.Closing}`);
  await settle();
  assert.deepEqual(driver.log, ["connect 8", "disconnect", "disconnect", "connect 8", "close"]);
});

Deno.test("asked to close: the guest is told, and the promise settles when it has", async () => {
  const { driver, backend, front, back } = setUp();
  backend.start();
  front("ring-ref", "8");
  front("protocol", "x");
  front("state", `${S.Connected}`);
  await settle();
  let closed = false;
  const closing = backend.askToClose().then(() => closed = true);
  await settle();
  assert.deepEqual([back("online"), back("state"), closed], ["0", `${S.Closing}`, false]);
  front("state", `${S.Closing}`);
  await settle();
  assert.equal(closed, false);
  front("state", `${S.Closed}`);
  await closing;
  assert.equal(back("state"), `${S.Closed}`);
  assert.ok(driver.log.includes("disconnect"));
});

Deno.test("a frontend that was never there is not waited for; one that removes its nodes has closed", async () => {
  const { backend } = setUp();
  backend.start();
  await settle();
  // No driver in the guest: it stays Initialising, as xl made it.
  await backend.askToClose();

  const other = setUp();
  other.backend.start();
  other.front("ring-ref", "8");
  other.front("protocol", "x");
  other.front("state", `${S.Connected}`);
  await settle();
  const gone = other.backend.askToClose();
  other.store.rm(other.nodes.frontendPath);
  await gone;
  assert.equal(other.back("state"), `${S.Closed}`);
});

Deno.test("nonsense in the frontend's nodes is told of, and the device closes", async () => {
  for (
    const [name, value, why] of [
      ["ring-ref", "abc", /ring-ref is no number: "abc"/],
      ["ring-ref", "99999999999", /ring-ref is no number/],
      ["protocol", "y", /another protocol/],
    ] as const
  ) {
    const { backend, store, front, back, lines } = setUp();
    backend.start();
    await settle();
    front("ring-ref", "8");
    front("protocol", "x");
    front(name, value);
    front("state", `${S.Initialised}`);
    await settle();
    assert.equal(back("state"), `${S.Closing}`);
    assert.match(lines.join("\n"), why);
    assert.match(store.read(`/local/domain/0/error/backend/vbd/${DOMID}/51712/error`) ?? "", why);
  }
  const { backend, driver, front, back } = setUp();
  backend.start();
  front("ring-ref", "8");
  front("protocol", "x");
  front("state", "4");
  await settle();
  driver.lost("the ring is broken");
  assert.equal(back("state"), `${S.Closing}`);
});
