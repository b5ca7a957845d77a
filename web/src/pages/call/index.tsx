import { useState } from 'react';
import { useParams } from 'wouter';
import { readCallAddress } from '~/call/address';
import { VideoCall } from '~/components/video-call';

export default function Page() {
  const { roomName = '' } = useParams<{ roomName: string }>();
  const [{ appointmentId, token }] = useState(readCallAddress);
  return <VideoCall key={roomName} roomName={roomName} appointmentId={appointmentId} token={token} />;
}
