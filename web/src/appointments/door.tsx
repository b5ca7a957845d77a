import { Clock3, Copy, Video } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { copyText } from '~/lib/copy';
import { Button, ButtonLink } from '~/ui/button';
import { toast } from '~/ui/toast';
import css from './appointments.module.css';
import { type Appointment, callPath, doorAt } from './view';
import { useSpan } from './words';

/**
 * The way into the call: a countdown before its window, a button in it, a word after it. It changes by itself, by the
 * clock that it is given.
 */
export function Door({
  appointment,
  now,
  large,
  onJoin,
}: {
  appointment: Appointment;
  now: number;
  large?: boolean | undefined;
  /** In place of going to the call's page. */
  onJoin?: (() => void) | undefined;
}) {
  const { t } = useTranslation('appointments');
  const span = useSpan();
  const door = doorAt(appointment, now);
  const path = callPath(appointment);
  const size = large ? 'large' : 'medium';
  const icon = <Video size={large ? 22 : 18} aria-hidden="true" />;
  // Whoever administers has no seat to take.
  const seated = appointment.seats.some(({ own }) => own);
  return (
    <>
      {door.state === 'not_open' && (
        <p className={css.countdown} data-large={large || undefined}>
          <Clock3 size={large ? 22 : 18} aria-hidden="true" />
          <span>{t('opensIn', { span: span(door.opensIn) })}</span>
        </p>
      )}
      {door.state === 'open' &&
        seated &&
        (onJoin || !path ? (
          <Button size={size} onClick={onJoin}>
            {icon}
            {t('join')}
          </Button>
        ) : (
          <ButtonLink size={size} href={path}>
            {icon}
            {t('join')}
          </ButtonLink>
        ))}
      {door.state === 'open' && Date.parse(appointment.endsAt) <= now && (
        <p className={css.zone}>{t('closesIn', { span: span(door.closesIn) })}</p>
      )}
      {door.state === 'closed' && <p className={css.ended}>{t('ended')}</p>}
      <span className="visually-hidden" role="status">
        {door.state === 'open' && seated ? t('doorOpen') : ''}
      </span>
    </>
  );
}

export function CopyLink({ url, onCopy }: { url: string; onCopy?: ((url: string) => void) | undefined }) {
  const { t } = useTranslation('appointments');
  const copy = async () => {
    if (await copyText(url)) toast.success(t('linkCopied'));
    else toast.error(t('linkNotCopied', { url }));
    onCopy?.(url);
  };
  return (
    <Button look="quiet" size="small" onClick={() => void copy()}>
      <Copy size={16} aria-hidden="true" />
      {t('copyLink')}
    </Button>
  );
}
