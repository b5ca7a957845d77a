import { CalendarDays, Clock, Globe, ShieldCheck } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { day, time, timeRange, zoneName } from '~/lib/format';
import { Avatar, Card } from '~/ui/layout';
import css from './book.module.css';
import type { ExpertPage, Service } from './queries';

/** What has been chosen so far. */
export function Summary({
  expert,
  service,
  at,
  zone,
}: {
  expert: ExpertPage;
  service: Service | undefined;
  at: string | undefined;
  zone: string;
}) {
  const { t } = useTranslation(['booking', 'common']);
  const ends = at && service ? new Date(Date.parse(at) + service.durationMin * 60_000) : undefined;
  return (
    <Card className={css.summary} aria-label={t('summary')}>
      <div className={css.person}>
        <Avatar name={expert.name} size={48} />
        <div>
          <strong>{expert.name}</strong>
          <p className={css.faint}>{expert.headline}</p>
        </div>
      </div>
      {service && (
        <ul className={css.lines}>
          <li>
            <Clock size={18} aria-hidden="true" />
            <span>
              {service.title} · {t('common:minutes', { count: service.durationMin })}
            </span>
          </li>
          {at && ends && (
            <li>
              <CalendarDays size={18} aria-hidden="true" />
              <span>
                <strong>{day(at, zone)}</strong>
                <br />
                {timeRange(at, ends, zone)}
              </span>
            </li>
          )}
          {at && (
            <li>
              <Globe size={18} aria-hidden="true" />
              <span>
                {zoneName(at, zone)}
                {expert.tz !== zone && (
                  <span className={css.faint}>
                    <br />
                    {t('forTheExpert', { time: time(at, expert.tz), zone: expert.tz.replaceAll('_', ' ') })}
                  </span>
                )}
              </span>
            </li>
          )}
          <li>
            <ShieldCheck size={18} aria-hidden="true" />
            <span>{service.approval === 'auto' ? t('confirmedAtOnce') : t('confirmedByExpert')}</span>
          </li>
        </ul>
      )}
    </Card>
  );
}
