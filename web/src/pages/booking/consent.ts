/**
 * Which version of the words `booking:consent` a customer agrees to. It is kept with the booking: whoever changes what
 * the words say gives them a new one (consent.test.ts holds the two together).
 */
export const CONSENT_VERSION = 'booking-1';
