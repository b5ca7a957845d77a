import { useMutation, useQueryClient } from '@tanstack/react-query';
import { CheckCheck, DoorOpen, Timer, Video } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { api, ask, ifMatch } from '~/api/client';
import type { Appointment } from '~/expert/agenda';
import { time } from '~/lib/format';
import { Button, ButtonLink } from '~/ui/button';
import { Badge, Row, type Tone } from '~/ui/layout';
import { toast } from '~/ui/toast';

const TONES: Partial<Record<Appointment['status'], Tone>> = {
  pending: 'warn',
  in_progress: 'accent',
  completed: 'good',
  no_show: 'bad',
};

export function StatusBadge({ status }: { status: Appointment['status'] }) {
  const { t } = useTranslation('expert');
  return <Badge tone={TONES[status] ?? 'neutral'}>{t(`status.${status}`)}</Badge>;
}

/** What an expert can do with the call of an appointment, as far as the server says that it can be done now. */
export function CallActions({ appointment, large }: { appointment: Appointment; large?: boolean }) {
  const { t } = useTranslation('expert');
  const client = useQueryClient();
  const { id, actions, meetingRoomName } = appointment;
  const may = (action: (typeof actions)[number]) => actions.includes(action);
  const path = { params: { path: { appointment_id: id } } };
  const settled = () => client.invalidateQueries({ queryKey: ['appointments'] });
  const open = useMutation({
    mutationFn: () => ask(api.POST('/api/appointments/{appointment_id}/open', path)),
    onSuccess: () => toast.success(t('call.opened')),
    onError: toast.problem,
    onSettled: settled,
  });
  const extend = useMutation({
    mutationFn: () => ask(api.POST('/api/appointments/{appointment_id}/extend', path)),
    onSuccess: ({ closesAt, delays }) => {
      toast.success(t('call.extended', { time: time(closesAt) }));
      if (delays) toast.info(t('call.delays', { time: time(delays) }));
    },
    onError: toast.problem,
    onSettled: settled,
  });
  const complete = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/appointments/{appointment_id}/complete', {
          params: { ...path.params, header: ifMatch(appointment.version) },
        }),
      ),
    onSuccess: () => toast.success(t('call.completed')),
    onError: toast.problem,
    onSettled: settled,
  });
  const size = large ? 'medium' : 'small';
  return (
    <Row>
      {may('join') && meetingRoomName && (
        <ButtonLink href={`/call/${encodeURIComponent(meetingRoomName)}?appointmentId=${id}`} size={size}>
          <Video size={18} aria-hidden="true" />
          {t('call.join')}
        </ButtonLink>
      )}
      {may('open_early') && (
        <Button look="secondary" size={size} busy={open.isPending} onClick={() => open.mutate()}>
          <DoorOpen size={18} aria-hidden="true" />
          {t('call.openEarly')}
        </Button>
      )}
      {may('extend') && appointment.status === 'in_progress' && (
        <Button look="secondary" size={size} busy={extend.isPending} onClick={() => extend.mutate()}>
          <Timer size={18} aria-hidden="true" />
          {t('call.extend')}
        </Button>
      )}
      {may('complete') && (
        <Button look="secondary" size={size} busy={complete.isPending} onClick={() => complete.mutate()}>
          <CheckCheck size={18} aria-hidden="true" />
          {t('call.complete')}
        </Button>
      )}
      <ButtonLink href={`/appointments/${id}`} look="quiet" size={size}>
        {t('details')}
        <span className="visually-hidden"> {appointment.customerName ?? ''}</span>
      </ButtonLink>
    </Row>
  );
}
