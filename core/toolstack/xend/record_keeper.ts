import type { DomainEntry } from "./domain_entry.ts";
import { XendError } from "./errors.ts";
import type { XendLog } from "./log.ts";
import type { DomainRecordFile, RecordKind, StateStore } from "./state_store.ts";

function recordOf({ name, uuid, incarnation, settings, request }: DomainEntry): DomainRecordFile {
  return {
    version: 1,
    name,
    uuid,
    request,
    domid: incarnation?.domain.domid,
    startedAt: incarnation?.startedAt,
    startWithXend: settings.startWithXend || undefined,
  };
}

/** Keeps the records of domains on disk in step with the domains. */
export class RecordKeeper {
  constructor(private readonly state: StateStore, private readonly log: XendLog) {}

  /** @throws XendError internal: it could not be written; the record before it is untouched then */
  keep(kind: RecordKind, entry: DomainEntry): void {
    try {
      this.state.save(kind, recordOf(entry));
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      const words = `the record of ${entry.name} cannot be written below ${this.state.directory}: ${reason}`;
      this.log.error(words);
      throw new XendError("internal", words, { cause: error });
    }
  }

  /** A record that cannot be removed is told of and does not stop anything. */
  forget(kind: RecordKind, entry: DomainEntry): void {
    try {
      this.state.remove(kind, entry.uuid);
    } catch (error) {
      this.log.error(
        `the record of ${entry.name} cannot be removed: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}
