import { Fragment } from 'react';

type Piece = string | { href: string };

/** A text in pieces, addresses apart from the rest. Nothing else in it means anything. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let done = 0;
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"'`()]+/g)) {
    // What ends a sentence does not belong to the address.
    const href = match[0].replace(/[.,;:!?]+$/, '');
    if (!isAddress(href)) continue;
    if (match.index > done) found.push(text.slice(done, match.index));
    found.push({ href });
    done = match.index + href.length;
  }
  if (done < text.length) found.push(text.slice(done));
  return found;
}

function isAddress(text: string): boolean {
  try {
    return new URL(text).hostname !== '';
  } catch {
    return false;
  }
}

export function Linked({ text }: { text: string }) {
  return pieces(text).map((piece, index) =>
    typeof piece === 'string' ? (
      <Fragment key={index}>{piece}</Fragment>
    ) : (
      <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
        {piece.href}
      </a>
    ),
  );
}
