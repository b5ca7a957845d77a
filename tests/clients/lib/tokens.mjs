// Tokens for the participants, minted by LiveKit's own server SDK.

import { AccessToken, TokenVerifier } from 'livekit-server-sdk';
import { API_KEY, API_SECRET } from './server.mjs';

export async function token(room, identity, { grants = {}, key = API_KEY, secret = API_SECRET, ...options } = {}) {
  const access = new AccessToken(key, secret, { identity, ttl: '10m', ...options });
  if (grants) access.addGrant({ roomJoin: true, room, canUpdateOwnMetadata: true, ...grants });
  return access.toJwt();
}

export function verify(jwt) {
  return new TokenVerifier(API_KEY, API_SECRET).verify(jwt);
}
