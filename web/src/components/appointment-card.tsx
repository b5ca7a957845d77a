import { CalendarPlus, ChevronRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { Actions, type OnAct, ownProposal, type TimesPicker } from '~/appointments/actions';
import css from '~/appointments/appointments.module.css';
import { CopyLink, Door } from '~/appointments/door';
import { type Appointment, partnersOf, sideOf, stands } from '~/appointments/view';
import { StatusBadge, When } from '~/appointments/words';
import { Avatar, Note } from '~/ui/layout';

interface Props {
  /** As the caller sees it; what the caller can do stands in it. */
  appointment: Appointment;
  /** The server's time in milliseconds; the card counts down by it. */
  now: number;
  /** Does what was decided; what it throws is shown. */
  onAct: OnAct;
  /** Picks one of the free times for a proposal or a move. */
  Times: TimesPicker;
  /** Where its own page is; without it the title leads nowhere. */
  href?: string;
  /** Where it is saved for calendars. */
  calendar?: string;
  /** The one that comes next: larger. */
  large?: boolean;
  level?: 2 | 3;
  /** In place of going to the call's page. */
  onJoin?: () => void;
  /** The zone that times are told in; the browser's without it. */
  zone?: string;
  children?: ReactNode;
}

/**
 * One appointment: what, with whom, when; the way into the call, which opens by itself when its time has come; and what
 * its reader can do about it. It asks nobody anything: what it shows and what happens comes from whoever uses it.
 */
export function AppointmentCard({
  appointment,
  now,
  onAct,
  Times,
  href,
  calendar,
  large,
  level = 3,
  onJoin,
  zone,
  children,
}: Props) {
  const { t } = useTranslation('appointments');
  const Heading = `h${level}` as const;
  const { title, status, meetingUrl, note, decisionMessage } = appointment;
  const partners = partnersOf(appointment);
  const side = sideOf(appointment);
  const going = stands(appointment);
  return (
    <article className={css.card} data-large={large || undefined} data-status={status}>
      <header className={css.head}>
        <Avatar name={partners[0] ?? title} size={large ? 64 : 48} />
        <div className={css.what}>
          <StatusBadge status={status} />
          <Heading className={css.title}>
            {href ? (
              <Link href={href}>
                {title}
                <ChevronRight size={18} aria-hidden="true" />
              </Link>
            ) : (
              title
            )}
          </Heading>
          <p className={css.who}>
            {t(side === 'admin' ? 'between' : 'with', { who: partners.join(t('and')) })}
          </p>
        </div>
      </header>
      <When {...appointment} zone={zone} />
      {status === 'pending' && side === 'customer' && <p className={css.zone}>{t('waitsForAnswer')}</p>}
      {side !== 'customer' && note && status === 'pending' && <Quote label={t('theirNote')} text={note} />}
      {decisionMessage && <Quote label={t('theirMessage')} text={decisionMessage} />}
      {status === 'no_show' && appointment.noShow && (
        <p className={css.zone}>{t(`outcome.${appointment.noShow}`)}</p>
      )}
      <Proposal appointment={appointment} zone={zone} />
      {children}
      <div className={css.foot}>
        <Door appointment={appointment} now={now} large={large} onJoin={onJoin} />
        <Actions appointment={appointment} onAct={onAct} Times={Times} />
        {going && meetingUrl && <CopyLink url={meetingUrl} />}
        {going && calendar && (
          <a className={css.calendar} href={calendar} download>
            <CalendarPlus size={16} aria-hidden="true" />
            {t('addToCalendar')}
          </a>
        )}
      </div>
    </article>
  );
}

function Proposal({ appointment, zone }: { appointment: Appointment; zone: string | undefined }) {
  const { t } = useTranslation('appointments');
  const { proposal, tz } = appointment;
  if (!proposal) return null;
  const own = ownProposal(appointment);
  return (
    <Note tone="accent">
      <strong>{t(own ? 'ownProposal' : 'theirProposal')}</strong>
      <When startsAt={proposal.startsAt} endsAt={proposal.endsAt} tz={tz} zone={zone} />
      {proposal.message && <p className={css.words}>{proposal.message}</p>}
    </Note>
  );
}

function Quote({ label, text }: { label: string; text: string }) {
  return (
    <figure className={css.quote}>
      <figcaption>{label}</figcaption>
      <blockquote>{text}</blockquote>
    </figure>
  );
}
