import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { FileText, Trash2, Upload } from 'lucide-react';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import { upload } from '~/api/upload';
import * as format from '~/lib/format';
import { Button } from '~/ui/button';
import { Card, Soft } from '~/ui/layout';
import { Loading, ProblemNote, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './page.module.css';
import { filesQuery } from './queries';
import { useRemoval } from './removal';
import { type Appointment, sideOf } from './view';

type File_ = Schemas['File'];

/** What people give each other before, in and after the call. */
export function Files({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation('appointments');
  const { id } = appointment;
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const { data, error, isPending } = useQuery(filesQuery(id));
  const uploading = useMutation({
    mutationFn: async (files: readonly File[]) => {
      // One after the other: a slow line carries one better than several.
      for (const file of files) await upload(id, file);
      return files.length;
    },
    onSuccess: (count) => toast.success(t('files.added', { count })),
    onSettled: () => client.invalidateQueries({ queryKey: ['content', id, 'files'] }),
  });
  const seated = sideOf(appointment) !== 'admin';
  const take = (files: FileList | null) => {
    if (files && files.length > 0) uploading.mutate([...files]);
  };
  // Whoever only administers sees no content.
  if (!seated) return null;
  return (
    <Card>
      <h2>{t('files.title')}</h2>
      {isPending ? (
        <Loading>
          <Skeleton height="3rem" />
        </Loading>
      ) : error ? (
        <ProblemNote error={error} />
      ) : data.length === 0 ? (
        <Soft>{t('files.none')}</Soft>
      ) : (
        <ul className={css.list}>
          {data.map((file) => (
            <FileItem key={file.id} file={file} own={file.seatId === appointment.ownSeatId} />
          ))}
        </ul>
      )}
      <div className={css.form}>
        {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is another way to what the button does */}
        <div
          className={css.drop}
          data-over={over || undefined}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            take(event.dataTransfer.files);
          }}
        >
          <Button look="secondary" busy={uploading.isPending} onClick={() => input.current?.click()}>
            <Upload size={18} aria-hidden="true" />
            {uploading.isPending ? t('files.adding') : t('files.add')}
          </Button>
          <span className={css.soft}>{t('files.drop')}</span>
          <input
            ref={input}
            type="file"
            multiple
            hidden
            aria-label={t('files.add')}
            onChange={({ target }) => {
              take(target.files);
              target.value = '';
            }}
          />
        </div>
        {uploading.error && <ProblemNote error={uploading.error} />}
      </div>
    </Card>
  );
}

function FileItem({ file, own }: { file: File_; own: boolean }) {
  const { t } = useTranslation(['appointments', 'common']);
  const { queryKey } = filesQuery(file.appointmentId);
  const path = { appointment_id: file.appointmentId, file_id: file.id };
  const deleting = useRemoval(
    queryKey,
    file.id,
    () => ask(api.DELETE('/api/appointments/{appointment_id}/files/{file_id}', { params: { path } })),
    () => toast.success(t('files.deleted', { name: file.name })),
  );
  return (
    <li className={css.item}>
      <FileText className={css.icon} size={22} aria-hidden="true" />
      <div className={css.grow}>
        <a href={`/api/appointments/${file.appointmentId}/files/${file.id}`} download={file.name}>
          {file.name}
        </a>
        <p className={css.soft}>
          {t('files.by', {
            size: format.size(file.size),
            name: file.uploaderName,
            when: format.dateTime(file.createdAt),
          })}
        </p>
      </div>
      {own && (
        <Button
          look="quiet"
          size="small"
          aria-label={t('files.delete', { name: file.name })}
          busy={deleting.isPending}
          onClick={() => deleting.mutate()}
        >
          <Trash2 size={18} aria-hidden="true" />
        </Button>
      )}
    </li>
  );
}
