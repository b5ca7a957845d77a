/** What the address of a call says beside the room. */
export interface CallAddress {
  path: string;
  appointmentId?: string;
  token?: string;
}

/** Of the page that is open: a component may be begun anew before it is first shown. */
let read: CallAddress | undefined;

/** Reads the address once; a token is taken out of it, so that it is in no history and no screenshot. */
export function readCallAddress(): CallAddress {
  const path = location.pathname;
  const query = new URLSearchParams(location.search);
  const token = query.get('token') ?? undefined;
  if (read?.path === path && token === undefined) return read;
  const appointmentId = query.get('appointmentId') ?? undefined;
  if (token !== undefined) {
    query.delete('token');
    const rest = query.toString();
    history.replaceState(history.state, '', path + (rest ? `?${rest}` : ''));
  }
  read = { path, ...(appointmentId ? { appointmentId } : {}), ...(token ? { token } : {}) };
  return read;
}
