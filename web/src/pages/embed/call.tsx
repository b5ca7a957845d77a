import { useCallback, useRef, useState } from 'react';
import { useParams } from 'wouter';
import { readCallAddress } from '~/call/address';
import { type CallEvent, type CallHandle, VideoCall } from '~/components/video-call';
import { tellHost, useHost } from '~/lib/embedded';
import { setTheme } from '~/lib/theme';
import type { HostMessage } from '~/parts/vocabulary';

/** The call inside another site's page, which is told how it goes and may end it. */
export default function EmbeddedCall() {
  const { roomName = '' } = useParams<{ roomName: string }>();
  const [{ appointmentId, token }] = useState(readCallAddress);
  const call = useRef<CallHandle>(null);
  useHost(
    useCallback((message: HostMessage) => {
      if (message.type === 'theme') setTheme(message.theme);
      if (message.type === 'leave') call.current?.leave();
    }, []),
  );
  const tell = useCallback((event: CallEvent) => {
    // Why somebody left is between them and the call.
    if (event.type === 'left') tellHost({ type: 'left' });
    else if (event.type !== 'ready') tellHost(event);
  }, []);
  return (
    <VideoCall
      key={roomName}
      ref={call}
      roomName={roomName}
      appointmentId={appointmentId}
      token={token}
      onEvent={tell}
      embedded
    />
  );
}
