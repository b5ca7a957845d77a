import {
  CalendarClock,
  Captions,
  FileText,
  Gauge,
  Hand,
  LockKeyhole,
  MonitorUp,
  RefreshCw,
  Timer,
  Users,
} from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import page from '~/appointments/page.module.css';
import { TimesByDay } from '~/appointments/times';
import type { Act, Appointment } from '~/appointments/view';
import { AppointmentCard } from '~/components/appointment-card';
import { after, fixtures, freeTimes, seenBy, type Viewer } from '~/demo/fixtures';
import * as format from '~/lib/format';
import { useTitle } from '~/lib/title';
import { serverNow, useServerNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Card, Note, Soft } from '~/ui/layout';
import css from './demo.module.css';

const MINUTE = 60_000;

/** The moments that one can pretend it were: from the next appointment's start or end. */
const MOMENTS = ['now', 'before', 'start', 'overtime', 'after'] as const;
type Pretended = (typeof MOMENTS)[number];

function pretended(moment: Pretended, next: Appointment): number | undefined {
  const [starts, ends] = [Date.parse(next.startsAt), Date.parse(next.endsAt)];
  switch (moment) {
    case 'now':
      return undefined;
    case 'before':
      return starts - 10 * MINUTE;
    case 'start':
      return starts + 2 * MINUTE;
    case 'overtime':
      return ends + 5 * MINUTE;
    case 'after':
      return ends + 31 * MINUTE;
  }
}

/** What it is like, without an account: the real cards on appointments that exist on this page alone. */
export default function CallDemo() {
  const { t } = useTranslation('demo');
  useTitle(t('title'));
  const clock = useServerNow();
  const words = {
    quick: t('fixture.quick'),
    thorough: t('fixture.thorough'),
    review: t('fixture.review'),
    note: t('fixture.note'),
    message: t('fixture.message'),
  };
  const [made, make] = useState(() => fixtures(serverNow(), words));
  const [viewer, look] = useState<Viewer>('customer');
  const [moment, pretend] = useState<Pretended>('now');
  // How far the demo's clock is ahead; it goes on from there.
  const [ahead, setAhead] = useState(0);
  const [joining, join] = useState(false);
  const now = clock + ahead;
  const next = made[0];

  const travel = (to: Pretended) => {
    pretend(to);
    const target = next && pretended(to, next);
    setAhead(target === undefined ? 0 : target - serverNow());
  };
  const act = async (id: string, what: Act) => {
    make((all) => all.map((it) => (it.id === id ? after(it, what, viewer) : it)));
  };
  const reset = () => {
    make(fixtures(serverNow(), words));
    travel('now');
  };

  return (
    <div className={page.page}>
      <header className={css.intro}>
        <h1>{t('title')}</h1>
        <p className={css.lead}>{t('lead')}</p>
      </header>

      <section className={page.section} aria-labelledby="try">
        <h2 id="try">{t('try.title')}</h2>
        <div className={css.switches}>
          <Switch
            legend={t('try.as')}
            value={viewer}
            options={[
              ['customer', t('try.customer')],
              ['expert', t('try.expert')],
            ]}
            onChange={look}
          />
          <Switch
            legend={t('try.time')}
            value={moment}
            options={MOMENTS.map((it) => [it, t(`try.moment.${it}`)] as const)}
            onChange={travel}
          />
          <div className={css.clock}>
            <span>{t('try.clock', { time: format.dateTime(now) })}</span>
            <Button look="quiet" size="small" onClick={reset}>
              <RefreshCw size={16} aria-hidden="true" />
              {t('try.reset')}
            </Button>
          </div>
        </div>
        <div className={page.grid}>
          {made.map((it) => (
            <AppointmentCard
              key={it.id}
              appointment={seenBy(it, viewer, now)}
              now={now}
              onAct={(what) => act(it.id, what)}
              onJoin={() => join(true)}
              Times={DemoTimes}
            />
          ))}
        </div>
        <Note>{t('try.nothing')}</Note>
      </section>

      <section className={page.section} aria-labelledby="features">
        <h2 id="features">{t('features.title')}</h2>
        <ul className={css.features}>
          {FEATURES.map(([name, icon]) => (
            <li key={name}>
              <Card className={css.feature}>
                <span className={css.icon}>{icon}</span>
                <h3>{t(`features.${name}.title`)}</h3>
                <Soft>{t(`features.${name}.text`)}</Soft>
              </Card>
            </li>
          ))}
        </ul>
      </section>

      <section className={page.section} aria-labelledby="how">
        <h2 id="how">{t('how.title')}</h2>
        <ol className={css.steps}>
          {STEPS.map((step) => (
            <li key={step}>
              <h3>{t(`how.${step}.title`)}</h3>
              <Soft>{t(`how.${step}.text`)}</Soft>
            </li>
          ))}
        </ol>
        <Card>
          <h3>{t('technical.title')}</h3>
          <dl className={css.technical}>
            {TECHNICAL.map((item) => (
              <div key={item}>
                <dt>{t(`technical.${item}.term`)}</dt>
                <dd>{t(`technical.${item}.text`)}</dd>
              </div>
            ))}
          </dl>
        </Card>
      </section>

      <section className={css.close}>
        <ButtonLink href="/test-call" size="large">
          {t('toTest')}
        </ButtonLink>
        <ButtonLink href="/experts" size="large" look="secondary">
          {t('toExperts')}
        </ButtonLink>
      </section>

      <Dialog
        open={joining}
        onClose={() => join(false)}
        title={t('joined.title')}
        actions={<ButtonLink href="/test-call">{t('toTest')}</ButtonLink>}
      >
        <p>{t('joined.text')}</p>
      </Dialog>
    </div>
  );
}

const SIZE = 24;
const FEATURES: readonly (readonly [
  'window' | 'lobby' | 'booking' | 'share' | 'chat' | 'quality' | 'files' | 'raise' | 'private',
  ReactNode,
])[] = [
  ['window', <Timer key="window" size={SIZE} />],
  ['lobby', <Users key="lobby" size={SIZE} />],
  ['booking', <CalendarClock key="booking" size={SIZE} />],
  ['share', <MonitorUp key="share" size={SIZE} />],
  ['chat', <Captions key="chat" size={SIZE} />],
  ['quality', <Gauge key="quality" size={SIZE} />],
  ['files', <FileText key="files" size={SIZE} />],
  ['raise', <Hand key="raise" size={SIZE} />],
  ['private', <LockKeyhole key="private" size={SIZE} />],
];
const STEPS = ['request', 'approve', 'open', 'talk', 'finish'] as const;
const TECHNICAL = ['token', 'window', 'media', 'recovery', 'facts', 'api'] as const;

function DemoTimes({
  appointment,
  value,
  onChange,
}: {
  appointment: Appointment;
  value: string | undefined;
  onChange: (startsAt: string | undefined) => void;
}) {
  return (
    <TimesByDay slots={freeTimes(appointment)} zone={format.ownZone()} value={value} onChange={onChange} />
  );
}

function Switch<T extends string>({
  legend,
  value,
  options,
  onChange,
}: {
  legend: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset className={css.switch}>
      <legend>{legend}</legend>
      <div className={css.options}>
        {options.map(([option, label]) => (
          <label key={option}>
            <input
              type="radio"
              name={name}
              className="visually-hidden"
              checked={value === option}
              onChange={() => onChange(option)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
