import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { RotateCcw, Send } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useParams } from 'wouter';
import { LOOK_AGAIN_MS, webhooksQuery } from '~/admin/queries';
import { api, ask, type Schemas } from '~/api/client';
import { dateTime } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Filter, Select } from '~/ui/field';
import { Facts } from '~/ui/figures';
import { Badge, Card, Note, Row, Soft, Stack, Table, type Tone } from '~/ui/layout';
import { Sliced, useSlices } from '~/ui/list';
import { ProblemNote, State } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './admin.module.css';

type Delivery = Schemas['Slice_Delivery']['items'][number];

const STATES = ['due', 'delivered', 'failed'] as const;
const TONES: Record<Delivery['state'], Tone> = { due: 'warn', delivered: 'good', failed: 'bad' };

/** What webhooks were told; of one of them at `/admin/deliveries/{its id}`. */
export default function Deliveries() {
  const { t } = useTranslation('admin');
  const { id = '' } = useParams<{ id?: string }>();
  const [, navigate] = useLocation();
  const [state, setState] = useState<Delivery['state'] | ''>('');
  const [shown, show] = useState<string>();
  // As it was last seen: what is replayed stands in the list only with the next look at it.
  const [seen, see] = useState<Delivery>();
  const webhooks = useQuery(webhooksQuery);
  useTitle(t('sections.deliveries'));
  const list = useSlices(
    ['deliveries', id, state],
    (cursor) =>
      ask(
        api.GET('/api/admin/deliveries', {
          params: {
            query: {
              limit: 25,
              ...(id && { webhookId: id }),
              ...(state && { state }),
              ...(cursor && { cursor }),
            },
          },
        }),
      ),
    // Somebody who replays one waits for what comes of it.
    { refetchInterval: shown ? LOOK_AGAIN_MS / 5 : LOOK_AGAIN_MS },
  );
  const current = list.items.find(({ id }) => id === shown);
  if (current && current !== seen) see(current);
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('deliveries.title')}</h1>
        <Soft>{t('deliveries.intro')}</Soft>
      </div>
      <div className={css.filters}>
        <Select
          label={t('deliveries.webhook')}
          value={id}
          onChange={(event) =>
            navigate(event.target.value ? `/admin/deliveries/${event.target.value}` : '/admin/deliveries')
          }
        >
          <option value="">{t('all')}</option>
          {webhooks.data?.map((webhook) => (
            <option key={webhook.id} value={webhook.id}>
              {webhook.url}
            </option>
          ))}
        </Select>
        <Filter
          label={t('deliveries.state')}
          all={t('all')}
          of={STATES}
          name={(one) => t(`delivery.${one}`)}
          value={state}
          onChange={setState}
        />
      </div>
      <Sliced
        list={list}
        empty={
          <State icon={<Send size={40} />} title={t('deliveries.empty')}>
            <p>{t('deliveries.emptyText')}</p>
          </State>
        }
      >
        {(items) => (
          <Card>
            <Table
              label={t('deliveries.title')}
              head={
                <>
                  <th scope="col">{t('deliveries.event')}</th>
                  <th scope="col">{t('deliveries.state')}</th>
                  <th scope="col">{t('deliveries.answer')}</th>
                  <th scope="col">{t('deliveries.attempts')}</th>
                  <th scope="col">{t('deliveries.when')}</th>
                </>
              }
            >
              {items.map((delivery) => (
                <tr key={delivery.id}>
                  <td>
                    <button type="button" className={css.link} onClick={() => show(delivery.id)}>
                      {delivery.eventType}
                    </button>
                    {delivery.replayOf && <Soft small>{t('deliveries.isReplay')}</Soft>}
                  </td>
                  <td>
                    <Badge tone={TONES[delivery.state]}>{t(`delivery.${delivery.state}`)}</Badge>
                  </td>
                  <td>{delivery.responseStatus ?? '–'}</td>
                  <td>{delivery.attempts}</td>
                  <td>{dateTime(delivery.createdAt)}</td>
                </tr>
              ))}
            </Table>
          </Card>
        )}
      </Sliced>
      {shown && seen && <Detail delivery={seen} onReplay={show} onClose={() => show(undefined)} />}
    </Stack>
  );
}

function Detail({
  delivery,
  onReplay,
  onClose,
}: {
  delivery: Delivery;
  onReplay: (id: string) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const replay = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/admin/deliveries/{delivery_id}/replay', {
          params: { path: { delivery_id: delivery.id } },
        }),
      ),
    onSuccess: ({ deliveryId }) => {
      toast.success(t('deliveries.replayed'));
      onReplay(deliveryId);
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['deliveries'] }),
  });
  const facts: [string, string][] = [
    [t('deliveries.made'), dateTime(delivery.createdAt)],
    ...(delivery.doneAt ? [[t('deliveries.done'), dateTime(delivery.doneAt)] as [string, string]] : []),
    ...(delivery.nextAt ? [[t('deliveries.next'), dateTime(delivery.nextAt)] as [string, string]] : []),
    [t('deliveries.attempts'), String(delivery.attempts)],
    [t('deliveries.answer'), String(delivery.responseStatus ?? '–')],
  ];
  return (
    <Dialog
      open
      onClose={onClose}
      title={delivery.eventType}
      actions={
        <>
          <Button look="secondary" onClick={onClose}>
            {common('close')}
          </Button>
          {delivery.state !== 'due' && (
            <Button busy={replay.isPending} onClick={() => replay.mutate()}>
              <RotateCcw size={18} aria-hidden="true" />
              {t('deliveries.replay')}
            </Button>
          )}
        </>
      }
    >
      <Stack>
        <Row>
          <span role="status">
            <Badge tone={TONES[delivery.state]}>{t(`delivery.${delivery.state}`)}</Badge>
          </span>
          <span className={css.mono}>{delivery.eventId}</span>
        </Row>
        {delivery.replayOf && <Soft small>{t('deliveries.isReplay')}</Soft>}
        {delivery.state === 'due' && <Soft>{t('deliveries.waits')}</Soft>}
        <Facts facts={facts} />
        {delivery.lastError && <Note tone="bad">{delivery.lastError}</Note>}
        <section
          className={css.code}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label={t('deliveries.payload')}
        >
          <pre className={css.mono}>{JSON.stringify(delivery.payload, null, 2)}</pre>
        </section>
        {replay.error && <ProblemNote error={replay.error} />}
      </Stack>
    </Dialog>
  );
}
