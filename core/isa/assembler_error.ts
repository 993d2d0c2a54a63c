/** What is wrong with assembly text. */
export class AssemblyError extends Error {
  override name = "AssemblyError";
  /** 1-based line in the text, when known. */
  line: number | undefined;

  constructor(message: string, line?: number) {
    super(line === undefined ? message : `line ${line}: ${message}`);
    this.line = line;
  }
}
