import { contrast, parse } from '~/lib/brand';

const WHITE = [255, 255, 255] as const;
/** WCAG 2.2's contrast of text. */
const READABLE = 4.5;

/** Whether text in a colour cannot be read on white, so that the app shows a darker shade of it. */
export function tooLight(colour: string): boolean {
  const rgb = parse(colour);
  return rgb !== undefined && contrast(rgb, WHITE) < READABLE;
}
