import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Laptop, Smartphone } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import { relative } from '~/lib/format';
import { useServerNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Badge, Soft } from '~/ui/layout';
import { Loading, ProblemNote, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
import { deviceOf } from './device';
import { devicesQuery, type Me } from './me';
import css from './settings.module.css';

type Device = Schemas['DeviceView'];

export function Devices(_: { me: Me }) {
  const { t } = useTranslation('account');
  const client = useQueryClient();
  const { data, error } = useQuery(devicesQuery);
  const now = useServerNow();
  /** Takes devices off the list at once; they are back if the server did not do it. */
  const gone = async (which: (device: Device) => boolean) => {
    await client.cancelQueries({ queryKey: devicesQuery.queryKey });
    const before = client.getQueryData(devicesQuery.queryKey);
    client.setQueryData(devicesQuery.queryKey, (list) => list?.filter((device) => !which(device)));
    return before ?? [];
  };
  const back = (thrown: unknown, _: unknown, before: Device[] | undefined) => {
    client.setQueryData(devicesQuery.queryKey, before);
    void toast.problem(thrown);
  };
  const settled = () => void client.invalidateQueries({ queryKey: devicesQuery.queryKey });
  const one = useMutation({
    mutationFn: (id: string) =>
      ask(api.DELETE('/api/sessions/{session_id}', { params: { path: { session_id: id } } })),
    onMutate: (id) => gone((device) => device.id === id),
    onError: back,
    onSettled: settled,
  });
  const others = useMutation({
    mutationFn: () => ask(api.POST('/api/sessions/revoke-others')),
    onMutate: () => gone((device) => !device.current),
    onError: back,
    onSuccess: ({ signedOut }) => toast.success(t('signedOut', { count: signedOut })),
    onSettled: settled,
  });
  if (error && !data) return <ProblemNote error={error} />;
  if (!data) {
    return (
      <Loading>
        <Skeleton height="4rem" />
      </Loading>
    );
  }
  return (
    <div className={css.form}>
      <Soft>{t('devicesLead')}</Soft>
      <ul className={css.devices}>
        {data.map((device) => {
          const { browser, system, small } = deviceOf(device.userAgent);
          const name = system ? t('deviceName', { browser, system }) : browser;
          return (
            <li key={device.id}>
              {small ? <Smartphone size={22} aria-hidden="true" /> : <Laptop size={22} aria-hidden="true" />}
              <div>
                <strong>{name || t('unknownDevice')}</strong>{' '}
                {device.current && <Badge tone="good">{t('thisDevice')}</Badge>}
                <p className={css.small}>
                  {t('lastSeen', { when: relative(Math.min(Date.parse(device.lastSeenAt), now), now) })}
                  {device.address && ` · ${device.address}`}
                </p>
              </div>
              {!device.current && (
                <Button look="secondary" size="small" onClick={() => one.mutate(device.id)}>
                  {t('signOutDevice')}
                  <span className="visually-hidden"> {name}</span>
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {data.length > 1 && (
        <div>
          <Button look="secondary" busy={others.isPending} onClick={() => others.mutate()}>
            {t('signOutOthers')}
          </Button>
        </div>
      )}
    </div>
  );
}
