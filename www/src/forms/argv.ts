// A command line as people type it, split into the argv that will run. Nothing is expanded: there is no shell.

export type ParsedArgv = { ok: true; argv: string[] } | { ok: false; error: string };

/** Splits by the quoting rules of POSIX shells: single quotes, double quotes, backslash. */
export function parseArgv(line: string): ParsedArgv {
  const argv: string[] = [];
  let word: string | null = null;
  let quote: "'" | '"' | null = null;
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? "";
    if (quote === "'") {
      if (char === "'") quote = null;
      else word += char;
    } else if (char === "\\") {
      const next = line[i + 1];
      if (next === undefined) return { ok: false, error: "The line ends in a backslash." };
      i += 1;
      // Inside double quotes a backslash is itself, unless what follows needs it.
      if (quote === '"' && !'"\\$`'.includes(next)) word = (word ?? "") + char + next;
      else word = (word ?? "") + next;
    } else if (quote === '"') {
      if (char === '"') quote = null;
      else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== null) argv.push(word);
      word = null;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== null) return { ok: false, error: `A ${quote === "'" ? "single" : "double"} quote is not closed.` };
  if (word !== null) argv.push(word);
  return { ok: true, argv };
}

/** One line that `parseArgv` splits back into the same words. */
export function quoteArgv(argv: string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}
