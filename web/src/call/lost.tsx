import { MonitorSmartphone, WifiOff } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '~/ui/button';
import { State } from '~/ui/states';

/** Between two attempts to come back, in seconds; then it is for the person to say. */
const PAUSES = [1, 2, 3, 5, 8, 13, 20];

/** The connection broke and did not come back by itself: tries again by itself for a while, and has a button. */
export function Lost({ attempt, rejoin }: { attempt: number; rejoin: () => Promise<void> }) {
  const { t } = useTranslation('call');
  const [left, setLeft] = useState(PAUSES[attempt]);
  const again = useRef(rejoin);
  again.current = rejoin;
  useEffect(() => {
    if (left === undefined) return;
    if (left <= 0) {
      void again.current();
      return;
    }
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return (
    <div data-state="lost" role="alert">
      <State
        level={1}
        icon={<WifiOff size={40} />}
        title={t('lost.title')}
        actions={<Button onClick={() => void rejoin()}>{t('lost.rejoin')}</Button>}
      >
        <p>{t('lost.words')}</p>
        {left !== undefined && left > 0 && <p aria-hidden="true">{t('lost.again', { count: left })}</p>}
      </State>
    </div>
  );
}

/** The same person came in from somewhere else. */
export function Elsewhere({ take }: { take: () => Promise<void> }) {
  const { t } = useTranslation('call');
  return (
    <div data-state="elsewhere" role="alert">
      <State
        level={1}
        icon={<MonitorSmartphone size={40} />}
        title={t('elsewhere.title')}
        actions={<Button onClick={() => void take()}>{t('elsewhere.take')}</Button>}
      >
        <p>{t('elsewhere.words')}</p>
      </State>
    </div>
  );
}
