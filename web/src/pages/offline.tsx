import { WifiOff } from 'lucide-react';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '~/api/client';
import { problemWords } from '~/lib/problems';
import { useTitle } from '~/lib/title';
import { Button } from '~/ui/button';
import { State } from '~/ui/states';

/** No connection, as a page of the app; the service worker has one of its own for when nothing can be loaded. */
export default function Offline() {
  const { t } = useTranslation(['common', 'problems']);
  const words = problemWords(new Problem('offline', 0));
  useTitle(words.title);
  useEffect(() => {
    const back = () => location.replace('/');
    window.addEventListener('online', back);
    return () => window.removeEventListener('online', back);
  }, []);
  return (
    <State
      level={1}
      icon={<WifiOff size={48} />}
      title={words.title}
      actions={<Button onClick={() => location.replace('/')}>{t('common:tryAgain')}</Button>}
    >
      <p>{words.nextStep}</p>
    </State>
  );
}
