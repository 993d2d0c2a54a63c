/** What an earlier xend left on disk: managed domains, and word of the domains that ran when it was killed. */
import { DomainEntry } from "./domain_entry.ts";
import type { DomainSource } from "./domain_source.ts";
import type { DomainRecordFile, StateStore } from "./state_store.ts";

export interface Recovered {
  readonly entries: readonly DomainEntry[];
  /** Those of `entries` that are to be started. */
  readonly toStart: readonly DomainEntry[];
}

/**
 * Reads the records; those of domains that ran are removed, since nothing of them is left.
 * @param say told what the user should know, a line each
 */
export function recover(state: StateStore, source: DomainSource, say: (line: string) => void): Recovered {
  const entries: DomainEntry[] = [], toStart: DomainEntry[] = [];
  const add = (record: DomainRecordFile, managed: boolean): DomainEntry | undefined => {
    if (entries.some(({ name, uuid }) => name === record.name || uuid === record.uuid)) {
      say(`the record ${record.uuid} is left alone: there is another one of the domain ${record.name}`);
      return undefined;
    }
    try {
      const entry = new DomainEntry(
        record.name,
        record.uuid,
        record.request,
        source.read(record.request),
        managed,
      );
      entries.push(entry);
      return entry;
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      say(`the configuration of ${record.name} (${record.uuid}) cannot be read any more: ${reason}`);
      return undefined;
    }
  };
  const managed = state.load("domains"), running = state.load("running");
  for (const { path, movedTo, reason } of [...managed.setAside, ...running.setAside]) {
    say(`${path} is not a domain's record and was set aside as ${movedTo}: ${reason}`);
  }
  for (const record of managed.records) {
    const entry = add(record, true);
    if (entry?.settings.startWithXend) toStart.push(entry);
  }
  for (const record of running.records) {
    const { name, uuid, domid, startedAt, startWithXend: again } = record;
    const since = startedAt === undefined ? "" : `, started ${new Date(startedAt).toISOString()}`;
    const sequel = again ? "; it is started again" : "";
    say(`domain ${name} (domid ${domid}${since}) was lost when xend was killed${sequel}`);
    state.remove("running", uuid);
    if (!again || entries.some((entry) => entry.uuid === uuid)) continue;
    const entry = add(record, false);
    if (entry !== undefined) toStart.push(entry);
  }
  return { entries, toStart };
}
