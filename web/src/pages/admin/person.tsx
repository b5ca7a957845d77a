import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft, Download, KeyRound, LogOut, ShieldOff, ShieldPlus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { api, ask } from '~/api/client';
import { useSession } from '~/api/session';
import { dateTime, relative, shortDay } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { serverNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Select, TextField } from '~/ui/field';
import { Facts } from '~/ui/figures';
import { Avatar, Card, Note, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './admin.module.css';
import { type Account, AccountBadges, ROLES } from './people';

/** One account and all that can be done with it. */
export function Person({ id }: { id: string }) {
  const { t } = useTranslation('admin');
  const { data, error, isPending } = useQuery({
    queryKey: ['users', 'one', id],
    queryFn: () => ask(api.GET('/api/users/{user_id}', { params: { path: { user_id: id } } })),
  });
  useTitle(data?.name ?? t('sections.people'));
  if (isPending) return <Loading />;
  if (error) return <ProblemState error={error} level={1} />;
  return (
    <Stack className={css.page}>
      <div>
        <ButtonLink href="/admin/people" look="quiet" size="small">
          <ArrowLeft size={18} aria-hidden="true" />
          {t('people.title')}
        </ButtonLink>
        <Row>
          <Avatar name={data.name} size={56} />
          <div className={css.who}>
            <h1>{data.name || t('people.gone')}</h1>
            <Soft>{data.email}</Soft>
          </div>
          <AccountBadges person={data} />
        </Row>
      </div>
      <Known person={data} />
      {data.status !== 'erased' && (
        <>
          <Access person={data} />
          <Devices person={data} />
          <TheirData person={data} />
        </>
      )}
    </Stack>
  );
}

function Known({ person }: { person: Account }) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const facts: [string, string][] = [
    [
      t('person.verified'),
      person.emailVerifiedAt ? shortDay(person.emailVerifiedAt) : t('person.notVerified'),
    ],
    [t('people.phone'), person.phone || '–'],
    [t('person.password'), common(person.hasPassword ? 'yes' : 'no')],
    [t('people.language'), person.locale],
    [t('people.zone'), person.tz],
    [t('person.created'), shortDay(person.createdAt)],
  ];
  return (
    <Card>
      <Facts facts={facts} />
    </Card>
  );
}

function Access({ person }: { person: Account }) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const { user } = useSession();
  const client = useQueryClient();
  const [role, setRole] = useState(person.role);
  const path = { params: { path: { user_id: person.id } } };
  const known = (fresh: Account) => {
    client.setQueryData(['users', 'one', person.id], fresh);
    void client.invalidateQueries({ queryKey: ['users'] });
  };
  const change = useMutation({
    mutationFn: () => ask(api.PATCH('/api/users/{user_id}', { ...path, body: { role } })),
    onSuccess: (fresh) => {
      known(fresh);
      toast.success(t('person.roleChanged'));
    },
  });
  const turn = useMutation({
    mutationFn: (on: boolean) =>
      ask(
        on ? api.POST('/api/users/{user_id}/enable', path) : api.POST('/api/users/{user_id}/disable', path),
      ),
    onSuccess: (fresh) => {
      known(fresh);
      toast.success(t(fresh.status === 'active' ? 'person.enabled' : 'person.disabled'));
    },
  });
  const link = useMutation({
    mutationFn: () => ask(api.POST('/api/users/{user_id}/password-link', path)),
    onSuccess: () => toast.success(t('person.linkSent', { email: person.email })),
  });
  const self = user?.id === person.id;
  const problem = change.error ?? turn.error ?? link.error;
  const active = person.status === 'active';
  return (
    <Card>
      <h2>{t('person.access')}</h2>
      <Stack>
        {self && <Note>{t('person.self')}</Note>}
        <Row>
          <Select
            label={t('people.role')}
            hint={t('person.roleHint')}
            value={role}
            disabled={self}
            onChange={(event) => setRole(event.target.value as Account['role'])}
          >
            {ROLES.map((one) => (
              <option key={one} value={one}>
                {t(`role.${one}`)}
              </option>
            ))}
          </Select>
        </Row>
        <Row>
          <Button disabled={role === person.role} busy={change.isPending} onClick={() => change.mutate()}>
            {common('save')}
          </Button>
          <Button look="secondary" busy={link.isPending} disabled={!active} onClick={() => link.mutate()}>
            <KeyRound size={18} aria-hidden="true" />
            {t('person.sendLink')}
          </Button>
          <Button look="secondary" busy={turn.isPending} disabled={self} onClick={() => turn.mutate(!active)}>
            {active ? (
              <ShieldOff size={18} aria-hidden="true" />
            ) : (
              <ShieldPlus size={18} aria-hidden="true" />
            )}
            {t(active ? 'person.disable' : 'person.enable')}
          </Button>
        </Row>
        <Soft small>{t('person.disableHint')}</Soft>
        {problem && <ProblemNote error={problem} />}
      </Stack>
    </Card>
  );
}

function Devices({ person }: { person: Account }) {
  const { t } = useTranslation('admin');
  const client = useQueryClient();
  const path = { params: { path: { user_id: person.id } } };
  const queryKey = ['users', 'sessions', person.id];
  const { data, error, isPending } = useQuery({
    queryKey,
    queryFn: () => ask(api.GET('/api/users/{user_id}/sessions', path)),
  });
  const out = useMutation({
    mutationFn: () => ask(api.DELETE('/api/users/{user_id}/sessions', path)),
    onSuccess: ({ signedOut }) => toast.success(t('person.signedOut', { count: signedOut })),
    onError: toast.problem,
    onSettled: () => client.invalidateQueries({ queryKey }),
  });
  return (
    <Card>
      <h2>{t('person.devices')}</h2>
      <Stack>
        {isPending && <Skeleton height="4rem" radius="var(--radius-s)" />}
        {error && <ProblemNote error={error} />}
        {data?.length === 0 && <Soft>{t('person.noDevices')}</Soft>}
        {data && data.length > 0 && (
          <>
            <ul className={css.people}>
              {data.map((device) => (
                <li key={device.id}>
                  <div className={css.who}>
                    <strong>{device.userAgent || t('person.unknownDevice')}</strong>
                    <Soft small>
                      {device.address} ·{' '}
                      {t('person.lastSeen', { when: relative(device.lastSeenAt, serverNow()) })} ·{' '}
                      {t('person.endsAt', { when: dateTime(device.expiresAt) })}
                    </Soft>
                  </div>
                </li>
              ))}
            </ul>
            <div>
              <Button look="secondary" busy={out.isPending} onClick={() => out.mutate()}>
                <LogOut size={18} aria-hidden="true" />
                {t('person.signOutAll')}
              </Button>
            </div>
          </>
        )}
      </Stack>
    </Card>
  );
}

function TheirData({ person }: { person: Account }) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const { user } = useSession();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const [asking, setAsking] = useState(false);
  const [typed, type] = useState('');
  const [tried, setTried] = useState(false);
  const path = { params: { path: { user_id: person.id } } };
  const take = useMutation({
    mutationFn: () => ask(api.GET('/api/users/{user_id}/export', path)),
    onSuccess: (held) => {
      const file = new Blob([JSON.stringify(held, null, 2)], { type: 'application/json' });
      const address = URL.createObjectURL(file);
      const link = document.createElement('a');
      link.href = address;
      link.download = `${person.email.replace(/[^a-z0-9.@-]/gi, '_')}.json`;
      link.click();
      // The browser has begun to read it by then.
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      toast.success(t('person.exported'));
    },
  });
  const erase = useMutation({
    mutationFn: () => ask(api.DELETE('/api/users/{user_id}', path)),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['users'] });
      toast.success(t('person.erased'));
      navigate('/admin/people');
    },
  });
  const right = typed.trim().toLowerCase() === person.email.toLowerCase();
  return (
    <Card>
      <h2>{t('person.data')}</h2>
      <Stack>
        <Soft>{t('person.dataText')}</Soft>
        <Row>
          <Button look="secondary" busy={take.isPending} onClick={() => take.mutate()}>
            <Download size={18} aria-hidden="true" />
            {t('person.export')}
          </Button>
          <Button look="danger" disabled={user?.id === person.id} onClick={() => setAsking(true)}>
            <Trash2 size={18} aria-hidden="true" />
            {t('person.erase')}
          </Button>
        </Row>
        {take.error && <ProblemNote error={take.error} />}
      </Stack>
      <Dialog
        open={asking}
        onClose={() => {
          setAsking(false);
          setTried(false);
          type('');
        }}
        title={t('person.eraseTitle', { name: person.name })}
        actions={
          <>
            <Button look="secondary" onClick={() => setAsking(false)}>
              {common('cancel')}
            </Button>
            <Button
              look="danger"
              busy={erase.isPending}
              onClick={() => (right ? erase.mutate() : setTried(true))}
            >
              {t('person.eraseNow')}
            </Button>
          </>
        }
      >
        <Stack>
          <Note tone="bad">{t('person.eraseText')}</Note>
          <TextField
            label={t('person.typeEmail', { email: person.email })}
            autoComplete="off"
            value={typed}
            error={tried && !right ? t('person.typedWrong') : undefined}
            onChange={(event) => type(event.target.value)}
          />
          {erase.error && <ProblemNote error={erase.error} />}
        </Stack>
      </Dialog>
    </Card>
  );
}
