import { brandingQuery } from '~/api/branding';
import type { Schemas } from '~/api/client';
import { queries } from '~/api/query';
import { setBrand } from '~/lib/theme';
import { clockIs } from '~/live/clock';

/** Takes over what the server has said with the page, so that the first picture has its colour, name and time already. */
export function takeServed(): void {
  // Development serves the page without it.
  const said = document.getElementById('visavis-state')?.textContent;
  if (!said) return;
  const { branding, call } = JSON.parse(said) as Schemas['PageState'];
  queries.setQueryData(brandingQuery.queryKey, branding);
  setBrand(branding.primaryColor);
  if (call) clockIs(Date.parse(call.serverTime));
}
