import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '~/api/client';
import { askTagged, type Tagged } from '~/api/etag';
import { useSession } from '~/api/session';
import { type Draft, draftOf, type Hours, hoursOf, wrongs } from '~/expert/hours';
import { hoursQuery } from '~/expert/queries';
import { ownZone, zoneName } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { Unsaved } from '~/lib/unsaved';
import { serverNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Note, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState } from '~/ui/states';
import { toast } from '~/ui/toast';
import { Exceptions } from './exceptions';
import css from './expert.module.css';
import { Explainer } from './explainer';
import { Preview } from './preview';
import { Week } from './week';

/** When the expert can be booked: hours of the week, dates that differ, and what comes of them. */
export default function Availability() {
  const { t } = useTranslation('expert');
  const { user } = useSession();
  const { data, error, isPending, refetch } = useQuery(hoursQuery);
  useTitle(t('sections.availability'));
  const zone = user?.tz ?? ownZone();
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('availability.title')}</h1>
        <Soft>{t('availability.intro', { zone, name: zoneName(serverNow(), zone) })}</Soft>
      </div>
      {isPending && <Loading />}
      {error && <ProblemState error={error} retry={() => void refetch()} />}
      {data && <Editor key={data.etag} stored={data} zone={zone} />}
    </Stack>
  );
}

function Editor({ stored, zone }: { stored: Tagged<Hours>; zone: string }) {
  const { t } = useTranslation('expert');
  const client = useQueryClient();
  const before = useMemo(() => draftOf(stored.value, zone), [stored.value, zone]);
  const [draft, write] = useState<Draft>(before);
  const wrong = wrongs(draft);
  const dirty = JSON.stringify(hoursOf(draft)) !== JSON.stringify(hoursOf(before)) || wrong.size > 0;
  const save = useMutation({
    mutationFn: () =>
      askTagged(
        api.PUT('/api/me/availability', {
          params: { header: { 'if-match': stored.etag } },
          body: hoursOf(draft),
        }),
      ),
    onSuccess: (fresh) => {
      client.setQueryData(hoursQuery.queryKey, fresh);
      void client.invalidateQueries({ queryKey: ['slots'] });
      void client.invalidateQueries({ queryKey: ['experts'] });
      toast.success(t('availability.saved'));
    },
  });
  const whole = wrong.get(0);
  return (
    <>
      <Unsaved dirty={dirty} />
      <Week spans={draft.spans} wrong={wrong} zone={zone} onChange={(spans) => write({ ...draft, spans })} />
      <Exceptions
        excepts={draft.excepts}
        wrong={wrong}
        zone={zone}
        onChange={(excepts) => write({ ...draft, excepts })}
      />
      {(dirty || save.error) && (
        <div className={css.bar}>
          <Stack className={css.tight}>
            {save.error && <ProblemNote error={save.error} />}
            {whole && (
              <Note tone="bad" alert>
                {t(`availability.wrong.${whole}`)}
              </Note>
            )}
            <Row spread>
              <span role="status">
                {wrong.size > 0
                  ? t('availability.wrongCount', { count: wrong.size })
                  : t('availability.unsaved')}
              </span>
              <Row>
                <Button look="secondary" onClick={() => write(before)}>
                  {t('availability.discard')}
                </Button>
                <Button disabled={wrong.size > 0} busy={save.isPending} onClick={() => save.mutate()}>
                  {t('availability.save')}
                </Button>
              </Row>
            </Row>
          </Stack>
        </div>
      )}
      <Preview draft={draft} valid={wrong.size === 0} zone={zone} />
      <Explainer zone={zone} dirty={dirty} />
    </>
  );
}
