import { useQuery } from '@tanstack/react-query';
import { CircleCheck, TriangleAlert } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { alarms, type Health, type Rates, rates } from '~/admin/health';
import { healthQuery } from '~/admin/queries';
import { language } from '~/i18n';
import { bitrate, percent } from '~/lib/figures';
import { clock, dateTime, relative, size } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { serverNow } from '~/live/clock';
import { ButtonLink } from '~/ui/button';
import { Figure, Figures } from '~/ui/figures';
import { Badge, Card, Note, Pair, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState } from '~/ui/states';
import css from './admin.module.css';

/** How the server is: what is wrong and what to do about it first, the figures after it. */
export default function Overview() {
  const { t } = useTranslation('admin');
  const { data, error, isPending, refetch } = useQuery(healthQuery);
  useTitle(t('sections.overview'));
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('overview.title')}</h1>
        {data && (
          <Soft>
            {t('overview.running', {
              version: data.version,
              time: clock(data.uptimeSeconds * 1000),
            })}
          </Soft>
        )}
      </div>
      {isPending && <Loading />}
      {error && !data && <ProblemState error={error} retry={() => void refetch()} />}
      {error && data && <ProblemNote error={error} />}
      {data && <Of health={data} />}
    </Stack>
  );
}

function useRates(health: Health): Rates {
  const [seen, see] = useState<{ health: Health; rates: Rates }>({ health, rates: {} });
  useEffect(() => {
    see((before) => {
      if (before.health === health) return before;
      const next = rates(before.health, health);
      // Looked at twice in a second: what was known still is.
      return { health, rates: next.bitsIn === undefined ? before.rates : next };
    });
  }, [health]);
  return seen.rates;
}

function Of({ health }: { health: Health }) {
  const { t } = useTranslation('admin');
  const { cores: busy, bitsIn, bitsOut } = useRates(health);
  const now = serverNow();
  const wrong = alarms(health, now, busy);
  const number = new Intl.NumberFormat(language());
  const n = (value: number) => number.format(value);
  const queue = (of: Health['messages'], href: string) => (
    <Stack className={css.tight}>
      <Figures>
        <Figure name={t('queue.due')} value={n(of.due)} />
        <Figure name={t('queue.late')} value={n(of.late)} bad={of.late > 0} />
        <Figure name={t('queue.scheduled')} value={n(of.scheduled)} />
        <Figure name={t('queue.failed')} value={n(of.failed)} bad={of.failed > 0} />
      </Figures>
      {of.oldestDueAt && <Soft small>{t('queue.oldest', { when: relative(of.oldestDueAt, now) })}</Soft>}
      <ButtonLink href={href} look="quiet" size="small">
        {t('queue.see')}
      </ButtonLink>
    </Stack>
  );
  return (
    <>
      <section aria-label={t('overview.alarms')} data-alarms={wrong.length}>
        <Stack>
          {wrong.length === 0 && (
            <Note tone="good">
              <Row>
                <CircleCheck size={20} aria-hidden="true" />
                <strong>{t('overview.allWell')}</strong>
              </Row>
            </Note>
          )}
          {wrong.map(({ alarm, tone, count }) => (
            <Note key={alarm} tone={tone}>
              <Row>
                <TriangleAlert size={20} aria-hidden="true" />
                <strong>{t(`alarm.${alarm}.title`, { count })}</strong>
              </Row>
              <p>{t(`alarm.${alarm}.nextStep`)}</p>
            </Note>
          ))}
        </Stack>
      </section>
      <Card>
        <h2>{t('overview.now')}</h2>
        <Figures>
          <Figure name={t('overview.rooms')} value={<Link href="/admin/rooms">{n(health.rooms)}</Link>} />
          <Figure name={t('overview.participants')} value={n(health.participants)} />
          <Figure name={t('overview.waiting')} value={n(health.waiting)} />
          <Figure
            name={t('overview.cpu')}
            value={busy === undefined ? '…' : percent(busy / health.processors, 0)}
            more={t('overview.processors', { count: health.processors })}
          />
          <Figure name={t('overview.bitsIn')} value={bitsIn === undefined ? '…' : bitrate(bitsIn)} />
          <Figure name={t('overview.bitsOut')} value={bitsOut === undefined ? '…' : bitrate(bitsOut)} />
          <Figure
            name={t('overview.memory')}
            value={health.memoryBytes == null ? '–' : size(health.memoryBytes)}
          />
        </Figures>
      </Card>
      <Card>
        <h2>{t('overview.storage')}</h2>
        <Figures>
          {health.diskFreeBytes != null && health.diskBytes != null && (
            <Figure
              name={t('overview.disk')}
              value={size(health.diskFreeBytes)}
              more={t('overview.diskOf', { size: size(health.diskBytes) })}
              bad={wrong.some(({ alarm }) => alarm === 'diskFull' || alarm === 'diskLow')}
            />
          )}
          <Figure name={t('overview.database')} value={size(health.databaseBytes)} />
          <Figure name={t('overview.log')} value={size(health.logBytes)} />
          <Figure name={t('overview.files')} value={`${n(health.files)} · ${size(health.fileBytes)}`} />
          <Figure name={t('overview.commits')} value={n(health.commits)} />
          <Figure name={t('overview.refused')} value={n(health.refusedBusy)} bad={health.refusedBusy > 0} />
          <Figure
            name={t('overview.backup')}
            value={health.lastBackupAt ? dateTime(health.lastBackupAt) : t('overview.never')}
            bad={!health.lastBackupAt}
          />
        </Figures>
      </Card>
      <Pair>
        <Card>
          <h2>{t('overview.messages')}</h2>
          {queue(health.messages, '/admin/outbox')}
        </Card>
        <Card>
          <h2>{t('overview.deliveries')}</h2>
          {queue(health.deliveries, '/admin/deliveries')}
        </Card>
      </Pair>
      <Pair>
        <Card>
          <h2>{t('overview.people')}</h2>
          <Counts counts={health.users} name={(role) => t(`role.${role as 'customer'}`)} />
        </Card>
        <Card>
          <h2>{t('overview.appointments')}</h2>
          <Counts counts={health.appointments} name={(status) => t(`status.${status as 'pending'}`)} />
        </Card>
      </Pair>
    </>
  );
}

function Counts({ counts, name }: { counts: unknown; name: (key: string) => string }) {
  const known = Object.entries((counts ?? {}) as Record<string, unknown>);
  const { t } = useTranslation('admin');
  if (known.length === 0) return <Soft>{t('overview.none')}</Soft>;
  return (
    <Row>
      {known.map(([key, count]) => (
        <Badge key={key}>
          {name(key)}: {String(count)}
        </Badge>
      ))}
    </Row>
  );
}
