/** The Grants tab: entries of the grant table that the guest has filled in. */
import type { DomainInspection } from "../../../core/toolstack/api/figures.ts";
import { BLANK_LINE, type Line, line, span } from "../line.ts";
import { grouped } from "../../model/mod.ts";
import { textTable } from "../text_table.ts";

export function grantLines({ grants, grantEntries, mappings }: DomainInspection): Line[] {
  const inUse = grants.filter(({ isReading, isWriting }) => isReading || isWriting).length;
  const head = line(
    `${grouped(grants.length)} of ${grouped(grantEntries)} entries filled in, ${
      grouped(inUse)
    } in use; it maps ${grouped(mappings)} frames of others`,
  );
  if (grants.length === 0) return [head];
  return [
    head,
    BLANK_LINE,
    ...textTable(
      [
        { title: "Ref", align: "right" },
        { title: "Kind" },
        { title: "Domain", align: "right" },
        { title: "Frame", align: "right" },
        { title: "May" },
        { title: "Now" },
      ],
      grants.map((grant) => [
        grant.ref,
        grant.kind,
        grant.domid,
        grant.frame,
        grant.readOnly ? "read" : "read, write",
        span(
          grant.isWriting ? "writing" : grant.isReading ? "reading" : "-",
          grant.isWriting || grant.isReading ? "good" : "dim",
        ),
      ]),
    ),
  ];
}
