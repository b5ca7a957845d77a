import { Star } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { locale } from '~/i18n';
import { day, isoDay, languageName, ownZone, time } from '~/lib/format';
import css from './booking.module.css';
import type { FoundExpert, Service } from './queries';

/** "today, 14:30", "tomorrow, 9:00" or "Thursday, 26 November, 14:30". */
export function useSoon() {
  const { t } = useTranslation('booking');
  return (moment: string, now: number, zone = ownZone()) => {
    const [date, today] = [isoDay(moment, zone), isoDay(now, zone)];
    const clock = time(moment, zone);
    if (date === today) return t('todayAt', { time: clock });
    if (date === isoDay(now + 86_400_000, zone)) return t('tomorrowAt', { time: clock });
    return t('dayAt', { day: day(moment, zone), time: clock });
  };
}

/** "Italian, English and German" */
export function Languages({ tags }: { tags: readonly string[] }) {
  const names = tags.map(languageName);
  const join = (Intl as { ListFormat?: typeof Intl.ListFormat }).ListFormat;
  return <>{join ? new join(locale(), { type: 'conjunction' }).format(names) : names.join(', ')}</>;
}

/** The mean of an expert's ratings. */
export function Rating({ expert }: { expert: Pick<FoundExpert, 'rating' | 'ratingCount'> }) {
  const { t } = useTranslation('booking');
  if (typeof expert.rating !== 'number') return null;
  const mean = new Intl.NumberFormat(locale(), { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  return (
    <span className={css.rating}>
      <Star size={16} aria-hidden="true" />
      <span className="visually-hidden">{t('ratingLabel')}</span>
      <strong>{mean.format(expert.rating)}</strong>
      <span className={css.faint}>{t('ratings', { count: expert.ratingCount })}</span>
    </span>
  );
}

/** What is to be known of a service in a few words. */
export function useFacts() {
  const { t } = useTranslation(['booking', 'common']);
  return (service: Service): string[] => [
    t('common:minutes', { count: service.durationMin }),
    service.approval === 'auto' ? t('confirmedAtOnce') : t('confirmedByExpert'),
    ...(service.capacity > 1 ? [t('groupOf', { count: service.capacity })] : []),
  ];
}
