import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { day, time } from '~/lib/format';
import { Button } from '~/ui/button';
import { Checkbox } from '~/ui/field';
import { Card } from '~/ui/layout';
import { Loading, Skeleton } from '~/ui/states';
import { ZoneSelect } from '~/ui/zone-select';
import css from './book.module.css';
import { Explain } from './explain';
import type { ExpertPage, Service } from './queries';
import { useWay } from './way';

const SlotPicker = lazy(() => import('./picker'));

export function ChooseTime({ expert, service }: { expert: ExpertPage; service: Service }) {
  const { t } = useTranslation('booking');
  const way = useWay();
  const [also, setAlso] = useState(false);
  const [date, setDate] = useState<string>();
  const foreign = expert.tz !== way.zone;
  return (
    <>
      <Card className={css.step}>
        <h2>{t('whichTime')}</h2>
        <div className={css.zone}>
          <ZoneSelect
            label={t('zoneLabel')}
            first={[expert.tz, way.zone]}
            value={way.zone}
            onChange={(event) => way.go({ zone: event.target.value }, true)}
          />
          {foreign && (
            <Checkbox
              label={t('alsoThere', { zone: expert.tz.replaceAll('_', ' ') })}
              checked={also}
              onChange={(event) => setAlso(event.target.checked)}
            />
          )}
        </div>
        <Suspense
          fallback={
            <Loading>
              <Skeleton height="24rem" radius="var(--radius-m)" />
            </Loading>
          }
        >
          <SlotPicker
            key={`${service.id} ${way.zone}`}
            service={service}
            zone={way.zone}
            chosen={way.at}
            alsoIn={also && foreign ? expert.tz : undefined}
            onChoose={(slot) => way.go({ service: service.id, at: slot.startsAt }, true)}
            onDay={setDate}
          />
        </Suspense>
        <div className={css.onward} data-ready={way.at ? true : undefined}>
          <p role="status">
            {way.at
              ? t('chosenTime', { day: day(way.at, way.zone), time: time(way.at, way.zone) })
              : t('noTimeYet')}
          </p>
          <Button
            size="large"
            disabled={!way.at}
            onClick={() => way.go({ service: service.id, zone: way.zone, step: 'details' })}
          >
            {t('continue')}
          </Button>
        </div>
      </Card>
      <Explain service={service} zone={way.zone} date={date} />
    </>
  );
}
