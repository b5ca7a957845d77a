import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Download, FileText, Trash2, Upload } from 'lucide-react';
import { type ChangeEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, Problem, type Schemas } from '~/api/client';
import { upload } from '~/api/upload';
import { size, time } from '~/lib/format';
import { Button } from '~/ui/button';
import { Loading, ProblemNote, Skeleton } from '~/ui/states';
import css from './panel.module.css';

type File_ = Schemas['File'];

/** The appointment's files: look, add, take away. */
export function Files({
  appointmentId,
  ownSeat,
  host,
}: {
  appointmentId: string;
  ownSeat: string;
  host: boolean;
}) {
  const { t } = useTranslation('call');
  const client = useQueryClient();
  const path = { appointment_id: appointmentId as Schemas['AppointmentId'] };
  const queryKey = ['content', appointmentId, 'files'];
  const files = useQuery({
    queryKey,
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/files', { params: { path } })),
    refetchInterval: 20_000,
  });
  const refresh = () => void client.invalidateQueries({ queryKey });
  const remove = useMutation({
    mutationFn: (id: File_['id']) =>
      ask(
        api.DELETE('/api/appointments/{appointment_id}/files/{file_id}', {
          params: { path: { ...path, file_id: id } },
        }),
      ),
    onMutate: (id) => {
      const before = client.getQueryData<File_[]>(queryKey);
      client.setQueryData<File_[]>(queryKey, (list) => list?.filter((file) => file.id !== id));
      return before;
    },
    onError: (_error, _id, before) => client.setQueryData(queryKey, before),
    onSettled: refresh,
  });
  const [sending, setSending] = useState<{ name: string; share: number; stop: () => void }>();
  const [refused, setRefused] = useState<unknown>();
  const input = useRef<HTMLInputElement>(null);
  const add = async ({ target }: ChangeEvent<HTMLInputElement>) => {
    const chosen = [...(target.files ?? [])];
    target.value = '';
    setRefused(undefined);
    for (const file of chosen) {
      const abort = new AbortController();
      const stop = () => abort.abort();
      try {
        setSending({ name: file.name, share: 0, stop });
        await upload(
          appointmentId,
          file,
          (share) => setSending({ name: file.name, share, stop }),
          abort.signal,
        );
      } catch (error) {
        if (!abort.signal.aborted) setRefused(error);
        break;
      } finally {
        setSending(undefined);
        refresh();
      }
    }
  };
  const limit = refused instanceof Problem ? refused.extra.limit : undefined;
  return (
    <>
      <div className={css.lines}>
        {files.isPending && (
          <Loading>
            <Skeleton height="3rem" />
            <Skeleton height="3rem" />
          </Loading>
        )}
        {files.error && <ProblemNote error={files.error} />}
        {files.data?.length === 0 && <p className={css.nothing}>{t('files.empty')}</p>}
        <ul className={css.files}>
          {files.data?.map((file) => (
            <li key={file.id}>
              <FileText size={20} aria-hidden="true" />
              <div>
                <strong>{file.name}</strong>
                <small>
                  {size(file.size)} · {file.uploaderName} · {time(file.createdAt)}
                </small>
              </div>
              <a
                className={css.icon}
                href={`/api/appointments/${appointmentId}/files/${file.id}`}
                download={file.name}
                aria-label={t('files.download', { name: file.name })}
              >
                <Download size={20} />
              </a>
              {(host || file.seatId === ownSeat) && (
                <button
                  type="button"
                  className={css.icon}
                  aria-label={t('files.remove', { name: file.name })}
                  onClick={() => remove.mutate(file.id)}
                >
                  <Trash2 size={20} />
                </button>
              )}
            </li>
          ))}
        </ul>
      </div>
      <div className={css.foot}>
        {refused !== undefined && <ProblemNote error={refused} />}
        {typeof limit === 'number' && <p className={css.room}>{t('files.limit', { size: size(limit) })}</p>}
        {remove.error && <ProblemNote error={remove.error} />}
        {sending ? (
          <div className={css.sending}>
            <label>
              <span>{t('files.sending', { name: sending.name })}</span>
              <progress max={1} value={sending.share} />
            </label>
            <Button look="quiet" size="small" onClick={sending.stop}>
              {t('files.stop')}
            </Button>
          </div>
        ) : (
          <Button look="secondary" wide onClick={() => input.current?.click()}>
            <Upload size={20} aria-hidden="true" />
            {t('files.add')}
          </Button>
        )}
        <input ref={input} type="file" multiple hidden onChange={(event) => void add(event)} />
      </div>
    </>
  );
}
