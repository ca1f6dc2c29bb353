// Characters that change how a text looks without being seen themselves, and letters that pass for others.
// Owns the list of them. Never changes a text: it only says where they stand.

/** A part of a text: words as they are, or characters that have to be named to be seen. */
export type Piece = { kind: "plain"; text: string } | { kind: "unseen"; name: string; count: number };

/** In prose people write tabs and new lines, and emoji and many scripts are joined by U+200C and U+200D. */
const IN_PROSE = /(?![\t\n\r\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u{e0100}-\u{e01ef}]/gu;

/** In a command, an address or a name nothing but the plain space is let through. */
const ANYWHERE = /(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Z}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** How strictly to look: `prose` for what people write to each other, `exact` for what is run, reached or named. */
export type Reading = "prose" | "exact";

/** The text in pieces; one plain piece when there is nothing to name. */
export function pieces(text: string, reading: Reading): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(reading === "exact" ? ANYWHERE : IN_PROSE)) {
    if (match.index > end) found.push({ kind: "plain", text: text.slice(end, match.index) });
    const name = nameOf(match[0]);
    const last = found.at(-1);
    if (last?.kind === "unseen" && last.name === name) last.count += 1;
    else found.push({ kind: "unseen", name, count: 1 });
    end = match.index + match[0].length;
  }
  if (end < text.length || found.length === 0) found.push({ kind: "plain", text: text.slice(end) });
  return found;
}

/** Whether a text that is run, reached or named has characters that cannot be seen. */
export function hasUnseen(text: string): boolean {
  return pieces(text, "exact").some(({ kind }) => kind === "unseen");
}

const TWINS = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/gu;

/** The words that mix Latin letters with those of a script that has twins of them; each twin is named. */
export function mixedWords(text: string): string[] {
  const words = text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return words.filter((word) => /\p{Script=Latin}/u.test(word) && word.search(TWINS) >= 0).map((word) => word.replace(TWINS, (letter) => `[${nameOf(letter)}]`));
}

function nameOf(character: string): string {
  return SHORT[character] ?? `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
