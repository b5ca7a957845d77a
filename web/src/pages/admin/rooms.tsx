import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { PhoneOff, Timer, Video } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { roomsQuery } from '~/admin/queries';
import { api, ask, type Schemas } from '~/api/client';
import { clock, time } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { useServerNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Facts } from '~/ui/figures';
import { Badge, Card, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState, State } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './admin.module.css';

type Room = Schemas['LiveRoom'];

/** The calls that go on now. */
export default function Rooms() {
  const { t } = useTranslation('admin');
  const { data, error, isPending, refetch } = useQuery(roomsQuery);
  useTitle(t('sections.rooms'));
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('rooms.title')}</h1>
        <Soft>{t('rooms.intro')}</Soft>
      </div>
      {isPending && <Loading />}
      {error && !data && <ProblemState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <State icon={<Video size={40} />} title={t('rooms.empty')}>
          <p>{t('rooms.emptyText')}</p>
        </State>
      )}
      {data?.map((room) => (
        <One key={room.appointmentId} room={room} />
      ))}
    </Stack>
  );
}

function One({ room }: { room: Room }) {
  const { t } = useTranslation('admin');
  const now = useServerNow();
  const client = useQueryClient();
  const [asked, see] = useState<'end' | 'extend'>();
  const close = () => see(undefined);
  const path = { params: { path: { appointment_id: room.appointmentId } } };
  const settled = () => client.invalidateQueries({ queryKey: ['rooms'] });
  const end = useMutation({
    mutationFn: () => ask(api.POST('/api/admin/rooms/{appointment_id}/end', path)),
    onSuccess: () => {
      close();
      toast.success(t('rooms.ended'));
    },
    onSettled: settled,
  });
  const extend = useMutation({
    mutationFn: () => ask(api.POST('/api/admin/rooms/{appointment_id}/extend', path)),
    onSuccess: ({ closesAt, delays }) => {
      close();
      toast.success(t('rooms.extended', { time: time(closesAt) }));
      if (delays) toast.info(t('rooms.delays', { time: time(delays) }));
    },
    onSettled: settled,
  });
  return (
    <Card aria-label={`${room.expertName}, ${room.customerName}`} data-room={room.roomName}>
      <Stack>
        <Row spread>
          <div>
            <h2>
              {room.expertName} · {room.customerName}
            </h2>
            <Soft>{room.title}</Soft>
          </div>
          <Badge tone="accent">{clock(now - Date.parse(room.since))}</Badge>
        </Row>
        <Facts
          facts={[
            [t('rooms.endsAt'), time(room.endsAt)],
            [t('rooms.closesAt'), time(room.closesAt)],
            [t('rooms.extensions'), room.extensions],
          ]}
        />
        <ul>
          {room.present.map((one) => (
            <li key={`${one.seatId}${one.since}`}>
              {one.name}
              {one.role && ` (${t(`seat.${one.role}`)})`} · {t('rooms.since', { time: time(one.since) })}
            </li>
          ))}
        </ul>
        <Row>
          <Button look="secondary" onClick={() => see('extend')}>
            <Timer size={18} aria-hidden="true" />
            {t('rooms.extend')}
          </Button>
          <Button look="danger" onClick={() => see('end')}>
            <PhoneOff size={18} aria-hidden="true" />
            {t('rooms.end')}
          </Button>
          <ButtonLink href={`/appointments/${room.appointmentId}`} look="quiet">
            {t('rooms.details')}
          </ButtonLink>
        </Row>
      </Stack>
      <Confirm
        open={asked === 'end'}
        title={t('rooms.endTitle')}
        text={t('rooms.endText', { count: room.present.length })}
        button={t('rooms.endNow')}
        danger
        of={end}
        onClose={close}
      />
      <Confirm
        open={asked === 'extend'}
        title={t('rooms.extendTitle')}
        text={t('rooms.extendText', { time: time(room.closesAt) })}
        button={t('rooms.extendNow')}
        of={extend}
        onClose={close}
      />
    </Card>
  );
}

/** Asks before something that everybody in a call notices. */
function Confirm({
  open,
  title,
  text,
  button,
  danger,
  of,
  onClose,
}: {
  open: boolean;
  title: string;
  text: string;
  button: string;
  danger?: boolean;
  of: { mutate: () => void; reset: () => void; isPending: boolean; error: unknown };
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const close = () => {
    of.reset();
    onClose();
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={title}
      actions={
        <>
          <Button look="secondary" onClick={close}>
            {t('cancel')}
          </Button>
          <Button look={danger ? 'danger' : 'primary'} busy={of.isPending} onClick={() => of.mutate()}>
            {button}
          </Button>
        </>
      }
    >
      <Stack>
        <p>{text}</p>
        {of.error ? <ProblemNote error={of.error} /> : null}
      </Stack>
    </Dialog>
  );
}
