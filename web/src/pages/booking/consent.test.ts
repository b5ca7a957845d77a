import { expect, test } from 'vitest';
import de from '~/locales/de/booking.json';
import en from '~/locales/en/booking.json';
import { CONSENT_VERSION } from './consent';

/** What each version says, in every language. Versions are never taken away: bookings refer to them. */
const SAID: Record<string, { en: string; de: string }> = {
  'booking-1': {
    en: 'I agree that my name, my address and this note are passed on to the expert and kept for this consultation.',
    de: 'Ich bin einverstanden, dass mein Name, meine Adresse und diese Mitteilung an die Fachperson weitergegeben und für diese Beratung aufbewahrt werden.',
  },
};

test('other words of consent are another version', () => {
  expect({ en: en.consent, de: de.consent }).toEqual(SAID[CONSENT_VERSION]);
});
