import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { UserPlus, X } from 'lucide-react';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import { useRules } from '~/lib/form';
import * as format from '~/lib/format';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Select, TextField } from '~/ui/field';
import { Avatar, Badge, Card, Note, Soft, Stack } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import { toast } from '~/ui/toast';
import { CopyLink } from './door';
import css from './page.module.css';
import { guestLinksQuery } from './queries';
import type { Appointment } from './view';

type Seat = Schemas['Seat'];

/** Who takes part; whoever runs the appointment gives seats to others, and links to those without an account. */
export function People({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation('appointments');
  const [adding, add] = useState(false);
  const [removing, remove] = useState<Seat>();
  const runs = appointment.actions.includes('change_seats');
  return (
    <Card>
      <h2>{t('people.title')}</h2>
      <ul className={css.list}>
        {appointment.seats.map((seat) => (
          <li key={seat.id} className={css.item}>
            <Avatar name={seat.name} size={40} />
            <div className={css.grow}>
              <p>
                <strong>{seat.name}</strong> {seat.own && <Badge tone="accent">{t('people.you')}</Badge>}
              </p>
              <p className={css.soft}>
                {t(`people.role.${seat.role}`)}
                {seat.guest && ` · ${t('people.guest')}`}
                {seat.waitingSince && ` · ${t('people.waits')}`}
              </p>
              {seat.note && <p className={css.soft}>{seat.note}</p>}
              {seat.consent && <Consent consent={seat.consent} />}
              {runs && seat.guest && <GuestLink appointment={appointment} seat={seat} />}
            </div>
            {runs && (seat.role === 'observer' || seat.role === 'interpreter') && (
              <Button
                look="quiet"
                size="small"
                aria-label={t('people.remove', { name: seat.name })}
                onClick={() => remove(seat)}
              >
                <X size={18} aria-hidden="true" />
              </Button>
            )}
          </li>
        ))}
      </ul>
      {runs && (
        <div className={css.form}>
          <Button look="secondary" onClick={() => add(true)}>
            <UserPlus size={18} aria-hidden="true" />
            {t('people.add')}
          </Button>
        </div>
      )}
      {adding && <AddSeat id={appointment.id} onClose={() => add(false)} />}
      {removing && <RemoveSeat seat={removing} onClose={() => remove(undefined)} />}
    </Card>
  );
}

/** What somebody agreed to when booking: for that one and for those whom it was given. */
function Consent({ consent }: { consent: Schemas['Consent'] }) {
  const { t } = useTranslation('appointments');
  return (
    <details className={css.consent}>
      <summary>{t('people.consent', { when: format.dateTime(consent.agreedAt) })}</summary>
      <blockquote>{consent.text || t('people.consentGone')}</blockquote>
      <p>{t('people.consentVersion', { version: consent.version })}</p>
    </details>
  );
}

interface Wanted {
  role: 'observer' | 'interpreter';
  name: string;
  email: string;
}

/** The address of a link is told once, when it is made. */
function AddSeat({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation(['appointments', 'common']);
  const client = useQueryClient();
  const [made, setMade] = useState<{ seat: Seat; url?: string }>();
  const { register, handleSubmit, formState } = useForm<Wanted>({
    defaultValues: { role: 'observer', name: '', email: '' },
  });
  const rules = useRules();
  const adding = useMutation({
    mutationFn: async ({ role, name, email }: Wanted) => {
      const path = { appointment_id: id };
      const body = { role, ...(name.trim() ? { name: name.trim() } : {}), ...(email ? { email } : {}) };
      const seat = await ask(
        api.POST('/api/appointments/{appointment_id}/seats', { params: { path }, body }),
      );
      if (!seat.guest) return { seat };
      const link = await ask(
        api.POST('/api/appointments/{appointment_id}/guest-links', {
          params: { path },
          body: { seatId: seat.id },
        }),
      );
      return { seat, url: link.url };
    },
    onSuccess: setMade,
    onSettled: () =>
      client.invalidateQueries({
        predicate: ({ queryKey }) => ['appointment', 'appointments', 'seat'].includes(String(queryKey[0])),
      }),
  });
  const { errors } = formState;
  if (made) {
    return (
      <Dialog
        open
        onClose={onClose}
        title={t('people.added', { name: made.seat.name })}
        actions={<Button onClick={onClose}>{t('common:close')}</Button>}
      >
        {made.url ? <Link url={made.url} /> : <p>{t('people.addedAccount')}</p>}
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('people.add')}
      actions={
        <>
          <Button look="secondary" onClick={onClose}>
            {t('common:back')}
          </Button>
          <Button busy={adding.isPending} type="submit" form="add-seat">
            {t('common:add')}
          </Button>
        </>
      }
    >
      <form id="add-seat" noValidate onSubmit={handleSubmit((wanted) => adding.mutate(wanted))}>
        <Stack>
          <Select label={t('people.as')} hint={t('people.asHint')} {...register('role')}>
            <option value="observer">{t('people.role.observer')}</option>
            <option value="interpreter">{t('people.role.interpreter')}</option>
          </Select>
          <TextField
            label={t('people.name')}
            autoComplete="off"
            error={errors.name?.message}
            {...register('name', {
              validate: (name, { email }) => (name.trim() || email ? true : t('people.nameOrEmail')),
              ...rules.free(200),
            })}
          />
          <TextField
            label={`${t('people.email')} (${t('common:optional')})`}
            hint={t('people.emailHint')}
            type="email"
            autoComplete="off"
            error={errors.email?.message}
            {...register('email', rules.freeEmail)}
          />
          {adding.error && <ProblemNote error={adding.error} />}
        </Stack>
      </form>
    </Dialog>
  );
}

function Link({ url }: { url: string }) {
  const { t } = useTranslation('appointments');
  return (
    <Stack>
      <Note tone="warn">{t('people.linkOnce')}</Note>
      <div className={css.link}>
        <code>{url}</code>
        <CopyLink url={url} />
      </div>
    </Stack>
  );
}

function RemoveSeat({ seat, onClose }: { seat: Seat; onClose: () => void }) {
  const { t } = useTranslation(['appointments', 'common']);
  const client = useQueryClient();
  const removing = useMutation({
    mutationFn: () => ask(api.DELETE('/api/seats/{seat_id}', { params: { path: { seat_id: seat.id } } })),
    onSuccess: () => {
      toast.success(t('people.removed', { name: seat.name }));
      onClose();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['appointment'] }),
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('people.remove', { name: seat.name })}
      actions={
        <>
          <Button look="secondary" onClick={onClose}>
            {t('common:back')}
          </Button>
          <Button look="danger" busy={removing.isPending} onClick={() => removing.mutate()}>
            {t('people.removeButton')}
          </Button>
        </>
      }
    >
      <Stack>
        <p>{t('people.removeText')}</p>
        {removing.error && <ProblemNote error={removing.error} />}
      </Stack>
    </Dialog>
  );
}

/** The links to a guest's seat: how often they were used, a new one, an end to them. */
function GuestLink({ appointment, seat }: { appointment: Appointment; seat: Seat }) {
  const { t } = useTranslation('appointments');
  const client = useQueryClient();
  const { data } = useQuery(guestLinksQuery(appointment.id));
  const [url, setUrl] = useState<string>();
  const live = data?.find(({ seatId, revokedAt }) => seatId === seat.id && !revokedAt);
  const settled = { onSettled: () => client.invalidateQueries({ queryKey: ['seat'] }) };
  const making = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/appointments/{appointment_id}/guest-links', {
          params: { path: { appointment_id: appointment.id } },
          body: { seatId: seat.id },
        }),
      ),
    onSuccess: (made) => setUrl(made.url),
    onError: toast.problem,
    ...settled,
  });
  const revoking = useMutation({
    mutationFn: (id: string) =>
      ask(api.DELETE('/api/guest-links/{link_id}', { params: { path: { link_id: id } } })),
    onSuccess: () => toast.success(t('people.linkRevoked')),
    onError: toast.problem,
    ...settled,
  });
  return (
    <div>
      {live && (
        <Soft small>
          {t('people.linkUses', {
            uses: live.uses,
            most: live.maxUses,
            until: format.dateTime(live.expiresAt),
          })}
        </Soft>
      )}
      <Button look="quiet" size="small" busy={making.isPending} onClick={() => making.mutate()}>
        {t('people.newLink')}
      </Button>
      {live && (
        <Button look="quiet" size="small" busy={revoking.isPending} onClick={() => revoking.mutate(live.id)}>
          {t('people.revokeLink')}
        </Button>
      )}
      {url && (
        <Dialog open onClose={() => setUrl(undefined)} title={t('people.linkFor', { name: seat.name })}>
          <Link url={url} />
        </Dialog>
      )}
    </div>
  );
}
