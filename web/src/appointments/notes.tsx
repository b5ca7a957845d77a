import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Lock, Users } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, ifMatch, type Schemas } from '~/api/client';
import { useSession } from '~/api/session';
import * as format from '~/lib/format';
import { Button } from '~/ui/button';
import { Checkbox, TextArea } from '~/ui/field';
import { Card, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './page.module.css';
import { notesQuery } from './queries';
import { useRemoval } from './removal';
import { type Appointment, sideOf } from './view';

type Note = Schemas['Note'];

/** As long as the server takes them. */
const LONGEST = 20_000;

/** One's own notes, and those that the others share. */
export function Notes({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation('appointments');
  const { user } = useSession();
  const { id } = appointment;
  const seated = sideOf(appointment) !== 'admin';
  const { data, error, isPending } = useQuery({ ...notesQuery(id), enabled: seated });
  if (!seated) return null;
  return (
    <Card>
      <h2>{t('notes.title')}</h2>
      <Stack>
        {isPending ? (
          <Loading>
            <Skeleton height="3rem" />
          </Loading>
        ) : error ? (
          <ProblemNote error={error} />
        ) : (
          data.map((note) => <Written key={note.id} note={note} own={note.authorId === user?.id} />)
        )}
        {data?.length === 0 && <Soft>{t(user ? 'notes.none' : 'notes.noneGuest')}</Soft>}
        {user && <Editor id={id} />}
      </Stack>
    </Card>
  );
}

function Written({ note, own }: { note: Note; own: boolean }) {
  const { t } = useTranslation(['appointments', 'common']);
  const [editing, edit] = useState(false);
  const { queryKey } = notesQuery(note.appointmentId);
  const path = { appointment_id: note.appointmentId, note_id: note.id };
  const deleting = useRemoval(queryKey, note.id, () =>
    ask(api.DELETE('/api/appointments/{appointment_id}/notes/{note_id}', { params: { path } })),
  );
  if (editing) return <Editor id={note.appointmentId} note={note} onDone={() => edit(false)} />;
  const shared = note.visibility === 'shared';
  const Sign = shared ? Users : Lock;
  return (
    <article className={css.note}>
      <p className={css.text}>{note.body}</p>
      <div className={css.noteFoot}>
        <span className={css.soft}>
          <Sign size={14} aria-hidden="true" style={{ display: 'inline', verticalAlign: '-2px' }} />{' '}
          {t(shared ? 'notes.shared' : 'notes.private')} · {note.authorName} ·{' '}
          {format.dateTime(note.updatedAt)}
        </span>
        {own && (
          <span>
            <Button look="quiet" size="small" onClick={() => edit(true)}>
              {t('common:edit')}
            </Button>
            <Button look="quiet" size="small" busy={deleting.isPending} onClick={() => deleting.mutate()}>
              {t('common:delete')}
            </Button>
          </span>
        )}
      </div>
    </article>
  );
}

/** A new note, or another text for one; the version that it is based on goes along. */
function Editor({ id, note, onDone }: { id: string; note?: Note; onDone?: () => void }) {
  const { t } = useTranslation(['appointments', 'common']);
  const client = useQueryClient();
  const [body, setBody] = useState(note?.body ?? '');
  const [shared, share] = useState(note?.visibility === 'shared');
  const saving = useMutation({
    mutationFn: () => {
      const path = { appointment_id: id };
      const what = { body: body.trim(), visibility: shared ? ('shared' as const) : ('private' as const) };
      return note
        ? ask(
            api.PATCH('/api/appointments/{appointment_id}/notes/{note_id}', {
              params: { path: { ...path, note_id: note.id }, header: ifMatch(note.version) },
              body: what,
            }),
          )
        : ask(api.POST('/api/appointments/{appointment_id}/notes', { params: { path }, body: what }));
    },
    onSuccess: () => {
      if (!note) setBody('');
      onDone?.();
      toast.success(t('common:saved'));
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['content', id, 'notes'] }),
  });
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (body.trim()) saving.mutate();
      }}
    >
      <TextArea
        label={t(note ? 'notes.edit' : 'notes.write')}
        rows={3}
        maxLength={LONGEST}
        value={body}
        onChange={({ target }) => setBody(target.value)}
      />
      <Checkbox label={t('notes.share')} checked={shared} onChange={({ target }) => share(target.checked)} />
      {saving.error && <ProblemNote error={saving.error} />}
      <div className={css.tools}>
        <Button type="submit" look="secondary" busy={saving.isPending} disabled={!body.trim()}>
          {t('common:save')}
        </Button>
        {onDone && (
          <Button look="quiet" onClick={onDone}>
            {t('common:cancel')}
          </Button>
        )}
      </div>
    </form>
  );
}
