/** The dashboard. Only its face: what it is made of is loaded when it runs, Ink and React last. */
import process from "node:process";
import type { RunDashboard } from "./ports.ts";

export type {
  CommandResult,
  DashboardOptions,
  DashboardPorts,
  DashboardTerminal,
  DashboardXend,
} from "./ports.ts";

export const runDashboard: RunDashboard = async (ports, options) => {
  // React reads it when it is loaded: its development half is several times slower.
  process.env.NODE_ENV = "production";
  const { Session } = await import("./view/session.ts");
  return await new Session(ports, options).run();
};
