import { MailOpen } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { LOOK_AGAIN_MS } from '~/admin/queries';
import { api, ask, type Schemas } from '~/api/client';
import { dateTime } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { Filter } from '~/ui/field';
import { Badge, Card, Soft, Stack, Table, type Tone } from '~/ui/layout';
import { Sliced, useSlices } from '~/ui/list';
import { State } from '~/ui/states';
import css from './admin.module.css';

type Item = Schemas['Slice_OutboxRow']['items'][number];

const STATES = ['due', 'sent', 'failed', 'dropped'] as const;
const CHANNELS = ['mail', 'sms', 'push'] as const;
type StateOf = (typeof STATES)[number];
type Channel = (typeof CHANNELS)[number];
const TONES: Record<StateOf, Tone> = { due: 'warn', sent: 'good', failed: 'bad', dropped: 'neutral' };

/** Mail, text messages and notifications: what was sent, is to be sent and could not be sent. */
export default function Outbox() {
  const { t } = useTranslation('admin');
  const [state, setState] = useState<StateOf | ''>('');
  const [channel, setChannel] = useState<Channel | ''>('');
  useTitle(t('sections.outbox'));
  const list = useSlices(
    ['outbox', state, channel],
    (cursor) =>
      ask(
        api.GET('/api/outbox', {
          params: {
            query: {
              limit: 25,
              ...(state && { state }),
              ...(channel && { channel }),
              ...(cursor && { cursor }),
            },
          },
        }),
      ),
    { refetchInterval: LOOK_AGAIN_MS * 2 },
  );
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('outbox.title')}</h1>
        <Soft>{t('outbox.intro')}</Soft>
      </div>
      <div className={css.filters}>
        <Filter
          label={t('outbox.state')}
          all={t('all')}
          of={STATES}
          name={(one) => t(`message.${one}`)}
          value={state}
          onChange={setState}
        />
        <Filter
          label={t('outbox.channel')}
          all={t('all')}
          of={CHANNELS}
          name={(one) => t(`channel.${one}`)}
          value={channel}
          onChange={setChannel}
        />
      </div>
      <Sliced
        list={list}
        empty={
          <State icon={<MailOpen size={40} />} title={t('outbox.empty')}>
            <p>{t('outbox.emptyText')}</p>
          </State>
        }
      >
        {(items) => (
          <Card>
            <Table
              label={t('outbox.title')}
              head={
                <>
                  <th scope="col">{t('outbox.what')}</th>
                  <th scope="col">{t('outbox.channel')}</th>
                  <th scope="col">{t('outbox.state')}</th>
                  <th scope="col">{t('outbox.due')}</th>
                  <th scope="col">{t('outbox.attempts')}</th>
                  <th scope="col">{t('outbox.about')}</th>
                </>
              }
            >
              {items.map((item) => (
                <Line key={item.id} item={item} />
              ))}
            </Table>
          </Card>
        )}
      </Sliced>
    </Stack>
  );
}

function Line({ item }: { item: Item }) {
  const { t } = useTranslation('admin');
  const state = item.state as StateOf;
  return (
    <tr>
      <td className={css.mono}>{item.kind ?? '–'}</td>
      <td>{t(`channel.${item.channel as Channel}`)}</td>
      <td>
        <Badge tone={TONES[state]}>{t(`message.${state}`)}</Badge>
        {item.lastError && <Soft small>{item.lastError}</Soft>}
      </td>
      <td>{dateTime(item.doneAt ?? item.dueAt)}</td>
      <td>{item.attempts}</td>
      <td>
        {item.userId && <Link href={`/admin/people/${item.userId}`}>{t('outbox.person')}</Link>}{' '}
        {item.appointmentId && (
          <Link href={`/appointments/${item.appointmentId}`}>{t('outbox.appointment')}</Link>
        )}
      </td>
    </tr>
  );
}
