/** How the people are shown. */
export type Layout = 'auto' | 'grid' | 'speaker';
export const LAYOUTS: readonly Layout[] = ['auto', 'grid', 'speaker'];

/** Columns of a grid whose tiles come closest to 4:3 and leave least of the room unused. */
export function columns(count: number, width: number, height: number): number {
  if (count <= 1 || width <= 0 || height <= 0) return 1;
  let best = 1;
  let most = 0;
  for (let cols = 1; cols <= count; cols += 1) {
    const rows = Math.ceil(count / cols);
    const [w, h] = [width / cols, height / rows];
    // What of a picture is seen in a tile that it fills, times the tile.
    const seen = Math.min(w / h / (4 / 3), 4 / 3 / (w / h)) * w * h * (count / (cols * rows));
    if (seen > most) [best, most] = [cols, seen];
  }
  return best;
}

/** The sizes of a grid's cells: no tile wider than a picture is, nor taller than a face needs. */
export function cells(count: number, width: number, height: number, gap: number) {
  const cols = columns(count, width, height);
  const rows = Math.ceil(Math.max(1, count) / cols);
  const w = (width - gap * (cols - 1)) / cols;
  const h = (height - gap * (rows - 1)) / rows;
  return {
    cols,
    width: Math.max(0, Math.min(w, h * (16 / 9))),
    height: Math.max(0, Math.min(h, w / (7 / 8))),
  };
}

interface Shown {
  key: string;
  screen: boolean;
  local: boolean;
  identity: string;
}

/** Which tile stands large; none where all are the same. */
export function focusOf(
  tiles: readonly Shown[],
  layout: Layout,
  pinned: string | undefined,
  speaker: string | undefined,
): string | undefined {
  if (tiles.length < 2) return undefined;
  const found = pinned && tiles.find(({ key }) => key === pinned);
  if (found) return found.key;
  if (layout === 'grid') return undefined;
  const screen = tiles.find((tile) => tile.screen && !tile.local);
  if (screen) return screen.key;
  if (layout === 'auto') return undefined;
  const speaks = tiles.find((tile) => !tile.screen && !tile.local && tile.identity === speaker);
  return (speaks ?? tiles.find((tile) => !tile.local) ?? tiles[0])?.key;
}
