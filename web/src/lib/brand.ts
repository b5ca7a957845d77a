/** The shades of the organisation's colour, computed so that text stays readable whichever colour that is. */

type Rgb = readonly [number, number, number];

const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
/** The surfaces of the two themes; see styles/tokens.css. */
const SURFACE = { light: WHITE, dark: [24, 31, 28] } as const;
/** WCAG 2.2's contrast of text. */
const READABLE = 4.5;

export function parse(colour: string): Rgb | undefined {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  return hex ? ([1, 2, 3].map((part) => Number.parseInt(hex[part] ?? '0', 16)) as unknown as Rgb) : undefined;
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  const part = (i: 0 | 1 | 2) => Math.round(a[i] * (1 - share) + b[i] * share);
  return [part(0), part(1), part(2)];
}

/** Relative luminance (WCAG 2.2). */
function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** `colour`, moved towards `pole` until it can be read on `ground`. */
function readable(colour: Rgb, ground: Rgb, pole: Rgb): Rgb {
  let share = 0;
  while (share < 1 && contrast(mix(colour, pole, share), ground) < READABLE) share += 0.05;
  return mix(colour, pole, Math.min(1, share));
}

const text = (colour: Rgb) => `rgb(${colour.join(' ')})`;

export function shades(brand: Rgb, theme: 'light' | 'dark'): Record<string, string> {
  const surface = SURFACE[theme];
  const pole = theme === 'light' ? BLACK : WHITE;
  const accent = readable(brand, surface, pole);
  const soft = mix(surface, brand, theme === 'light' ? 0.1 : 0.28);
  return {
    '--accent': text(accent),
    '--accent-ink': text(contrast(accent, WHITE) >= READABLE ? WHITE : BLACK),
    '--accent-soft': text(soft),
    '--accent-text': text(readable(accent, soft, pole)),
  };
}
