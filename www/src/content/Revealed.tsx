import { pieces } from "./unseen";
import type { Reading } from "./unseen";

/** Somebody else's text, where what cannot be seen is named. It never turns the words around it. */
export function Revealed({ text, reading = "prose" }: { text: string; reading?: Reading }) {
  return (
    <bdi>
      {pieces(text, reading).map((piece, index) =>
        piece.kind === "plain" ? (
          piece.text
        ) : (
          <span key={index} className="fb-unseen" title="A character that cannot be seen">
            {piece.name}
            {piece.count > 1 && ` ×${piece.count}`}
          </span>
        ),
      )}
    </bdi>
  );
}
