import { useState } from 'react';
import { useParams } from 'wouter';
import { VideoCall } from '~/components/video-call';

interface Given {
  path: string;
  appointmentId?: string;
  token?: string;
}

/** Of the page that is open; a component may be begun anew before it is first shown. */
let given: Given | undefined;

/** What the address says, read once: a token is taken out of it, so that it is in no history and no screenshot. */
function readOnce(): Given {
  const path = location.pathname;
  if (given?.path === path && !location.search.includes('token=')) return given;
  const query = new URLSearchParams(location.search);
  const appointmentId = query.get('appointmentId') ?? undefined;
  const token = query.get('token') ?? undefined;
  if (token !== undefined) {
    query.delete('token');
    const rest = query.toString();
    history.replaceState(history.state, '', location.pathname + (rest ? `?${rest}` : ''));
  }
  given = { path, ...(appointmentId ? { appointmentId } : {}), ...(token ? { token } : {}) };
  return given;
}

export default function Page() {
  const { roomName = '' } = useParams<{ roomName: string }>();
  const [{ appointmentId, token }] = useState(readOnce);
  return <VideoCall key={roomName} roomName={roomName} appointmentId={appointmentId} token={token} />;
}
