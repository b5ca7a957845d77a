import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Star } from 'lucide-react';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '~/api/client';
import { Button } from '~/ui/button';
import { TextArea } from '~/ui/field';
import { Card } from '~/ui/layout';
import { ProblemNote, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './page.module.css';
import { ratingQuery } from './queries';
import { type Appointment, sideOf } from './view';

const STARS = [1, 2, 3, 4, 5] as const;

export function Stars({ stars }: { stars: number }) {
  const { t } = useTranslation('appointments');
  return (
    <span className={css.shown} role="img" aria-label={t('rating.stars', { count: stars })}>
      {STARS.map((n) => (
        <Star key={n} size={18} data-on={n <= stars || undefined} />
      ))}
    </span>
  );
}

/** What the customer thought of it; asked for once. */
export function Rating({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation('appointments');
  const { data, isSuccess, isPending } = useQuery(ratingQuery(appointment.id));
  const asked = sideOf(appointment) === 'customer' && appointment.status === 'completed';
  // Whoever is asked most often has not answered yet: the form's place is kept.
  if (isPending && asked) {
    return (
      <Card aria-busy="true">
        <h2>{t('rating.ask')}</h2>
        <Skeleton height="17rem" radius="var(--radius-m)" />
      </Card>
    );
  }
  if (!isSuccess) return null;
  if (data) {
    return (
      <Card>
        <h2>{t('rating.title')}</h2>
        <Stars stars={data.stars} />
        {data.comment && <p className={css.text}>{data.comment}</p>}
      </Card>
    );
  }
  if (!asked) return null;
  return (
    <Card id="rate">
      <h2>{t('rating.ask')}</h2>
      <RatingForm id={appointment.id} />
    </Card>
  );
}

export function RatingForm({ id }: { id: string }) {
  const { t } = useTranslation('appointments');
  const client = useQueryClient();
  const name = useId();
  const [stars, setStars] = useState(0);
  const [comment, setComment] = useState('');
  const [missing, setMissing] = useState(false);
  const rating = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/appointments/{appointment_id}/rating', {
          params: { path: { appointment_id: id } },
          body: { stars, ...(comment.trim() ? { comment: comment.trim() } : {}) },
        }),
      ),
    onSuccess: (given) => {
      client.setQueryData(ratingQuery(id).queryKey, given);
      toast.success(t('rating.thanks'));
    },
  });
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        setMissing(stars === 0);
        if (stars > 0) rating.mutate();
      }}
    >
      <fieldset className={css.stars} aria-describedby={missing ? `${name}-error` : undefined}>
        <legend className="visually-hidden">{t('rating.legend')}</legend>
        {STARS.map((n) => (
          <label key={n} data-on={n <= stars || undefined}>
            <input
              type="radio"
              name={name}
              className="visually-hidden"
              checked={stars === n}
              onChange={() => setStars(n)}
            />
            <Star size={26} aria-hidden="true" />
            <span className="visually-hidden">{t('rating.stars', { count: n })}</span>
          </label>
        ))}
      </fieldset>
      {missing && stars === 0 && (
        <p id={`${name}-error`} role="alert" className={css.gone}>
          {t('rating.missing')}
        </p>
      )}
      <TextArea
        label={t('rating.comment')}
        hint={t('rating.commentHint')}
        maxLength={1000}
        rows={3}
        value={comment}
        onChange={({ target }) => setComment(target.value)}
      />
      {rating.error && <ProblemNote error={rating.error} />}
      <Button type="submit" busy={rating.isPending}>
        {t('rating.send')}
      </Button>
    </form>
  );
}
