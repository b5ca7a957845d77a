import { PhoneCall } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'wouter';
import { api, ask } from '~/api/client';
import { useSession } from '~/api/session';
import { tone } from '~/expert/quality';
import { figure, percent } from '~/lib/figures';
import { clock, dateTime, ownZone } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { Badge, Card, Soft, Stack, Table } from '~/ui/layout';
import { Sliced, useSlices } from '~/ui/list';
import { State } from '~/ui/states';
import css from './expert.module.css';
import { StatusBadge } from './parts';
import { QualityReport } from './report';

/** Past calls: how they ended and how they sounded; `/expert/calls/{id}` has one minute by minute. */
export default function Calls() {
  const { t } = useTranslation('expert');
  const { id } = useParams<{ id?: string }>();
  const { user } = useSession();
  const zone = user?.tz ?? ownZone();
  useTitle(t('sections.calls'));
  const list = useSlices(['calls', 'own'], (cursor) =>
    ask(api.GET('/api/calls', { params: { query: { limit: 25, ...(cursor && { cursor }) } } })),
  );
  if (id) return <QualityReport key={id} id={id} />;
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('calls.title')}</h1>
        <Soft>{t('calls.intro')}</Soft>
      </div>
      <Sliced
        list={list}
        empty={
          <State icon={<PhoneCall size={40} />} title={t('calls.empty')}>
            <p>{t('calls.emptyText')}</p>
          </State>
        }
      >
        {(items) => (
          <Card>
            <Table
              label={t('calls.title')}
              head={
                <>
                  <th scope="col">{t('calls.when')}</th>
                  <th scope="col">{t('calls.who')}</th>
                  <th scope="col">{t('calls.outcome')}</th>
                  <th scope="col">{t('calls.together')}</th>
                  <th scope="col">{t('calls.score')}</th>
                  <th scope="col">{t('calls.goodShare')}</th>
                </>
              }
            >
              {items.map((call) => (
                <tr key={call.appointmentId}>
                  <td>
                    <Link href={`/expert/calls/${call.appointmentId}`}>{dateTime(call.startsAt, zone)}</Link>
                  </td>
                  <td>
                    {call.customerName}
                    <Soft small>{call.title}</Soft>
                  </td>
                  <td>
                    <StatusBadge status={call.status} />
                  </td>
                  <td>{call.togetherSeconds ? clock(call.togetherSeconds * 1000) : '–'}</td>
                  <td>
                    <Badge tone={tone(call.summary.mosMean)}>{figure(call.summary.mosMean)}</Badge>
                  </td>
                  <td>{percent(call.summary.goodShare)}</td>
                </tr>
              ))}
            </Table>
          </Card>
        )}
      </Sliced>
    </Stack>
  );
}
