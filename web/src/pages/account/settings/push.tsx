import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Bell, BellOff } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '~/api/client';
import { dateTime } from '~/lib/format';
import { Button } from '~/ui/button';
import { Note, Soft } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import { toast } from '~/ui/toast';
import { type Me, pushQuery } from './me';
import css from './settings.module.css';

/** The worker that receives messages; none where it is not installed, as in development. */
async function worker(): Promise<ServiceWorkerRegistration | undefined> {
  return 'serviceWorker' in navigator ? navigator.serviceWorker.getRegistration() : undefined;
}

type Here = 'unsupported' | 'denied' | 'off' | { endpoint: string };

/** How it stands with this browser. */
async function here(): Promise<Here> {
  const registration = await worker();
  if (!registration || !('pushManager' in registration) || !('Notification' in window)) return 'unsupported';
  if (Notification.permission === 'denied') return 'denied';
  const subscription = await registration.pushManager.getSubscription();
  return subscription ? { endpoint: subscription.endpoint } : 'off';
}

/** `null`: somebody has been asked and has not said yes. */
async function subscribe() {
  const registration = await worker();
  if (!registration || (await Notification.requestPermission()) !== 'granted') return null;
  const { publicKey } = await ask(api.GET('/api/push/key'));
  const subscription = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: publicKey,
  });
  const { endpoint, keys } = subscription.toJSON();
  try {
    return await ask(
      api.POST('/api/me/push-subscriptions', {
        body: { endpoint: endpoint ?? '', keys: { p256dh: keys?.p256dh ?? '', auth: keys?.auth ?? '' } },
      }),
    );
  } catch (thrown) {
    // What the server does not know of would stay for nothing.
    await subscription.unsubscribe().catch(() => {});
    throw thrown;
  }
}

async function unsubscribe(): Promise<void> {
  const subscription = await (await worker())?.pushManager.getSubscription();
  if (!subscription) return;
  await ask(api.DELETE('/api/me/push-subscriptions', { body: { endpoint: subscription.endpoint } }));
  await subscription.unsubscribe();
}

export function Push(_: { me: Me }) {
  const { t } = useTranslation(['account', 'common']);
  const client = useQueryClient();
  const state = useQuery({ queryKey: ['push', 'here'], queryFn: here });
  const list = useQuery(pushQuery);
  const settled = () => void client.invalidateQueries({ queryKey: ['push'] });
  const on = useMutation({
    mutationFn: subscribe,
    onSuccess: (made) => made && toast.success(t('pushOn')),
    onSettled: settled,
  });
  const off = useMutation({ mutationFn: unsubscribe, onSettled: settled });
  const remove = useMutation({
    mutationFn: (id: string) =>
      ask(
        api.DELETE('/api/me/push-subscriptions/{subscription_id}', {
          params: { path: { subscription_id: id } },
        }),
      ),
    onError: toast.problem,
    onSettled: settled,
  });
  const error = on.error ?? off.error;
  return (
    <div className={css.form}>
      <Soft>{t('pushLead')}</Soft>
      {state.data === 'unsupported' && <Note>{t('pushUnsupported')}</Note>}
      {state.data === 'denied' && <Note tone="warn">{t('pushDenied')}</Note>}
      {error instanceof DOMException ? (
        <Note tone="bad" alert>
          {t('pushFailed')}
        </Note>
      ) : (
        error && <ProblemNote error={error} />
      )}
      {state.data === 'off' && (
        <div>
          <Button look="secondary" busy={on.isPending} onClick={() => on.mutate()}>
            <Bell size={18} aria-hidden="true" />
            {t('pushTurnOn')}
          </Button>
        </div>
      )}
      {typeof state.data === 'object' && (
        <div>
          <Button look="secondary" busy={off.isPending} onClick={() => off.mutate()}>
            <BellOff size={18} aria-hidden="true" />
            {t('pushTurnOff')}
          </Button>
        </div>
      )}
      {list.data && list.data.length > 0 && (
        <ul className={css.devices} aria-label={t('pushBrowsers')}>
          {list.data.map((browser) => (
            <li key={browser.id}>
              <Bell size={22} aria-hidden="true" />
              <div>
                <strong>{browser.service}</strong>
                <p className={css.small}>{t('since', { time: dateTime(browser.createdAt) })}</p>
              </div>
              <Button look="secondary" size="small" onClick={() => remove.mutate(browser.id)}>
                {t('remove')}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
